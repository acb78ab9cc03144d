// The options that quantize a model's weights while it is opened.
#pragma once
#include <strata/app.hpp>
#include <string>
#include <vector>

#include "host/cli/option.hpp"

namespace strata::host {

struct QuantSettings {
  std::string quant = "none";
  std::int64_t quant_group_size = 0;     // 0: not given
  std::string quant_symmetric;           // on, off; empty: not given
  std::vector<std::string> quant_rules;  // "MATCH=NAME", with options between commas
  std::string quant_cache;
};

void add_quant(cli::Table& table, QuantSettings& settings);

// As the library takes them. Throws UsageError for a rule that cannot be read.
app::QuantOptions quant_options(const QuantSettings& settings, std::int64_t threads);

}  // namespace strata::host
