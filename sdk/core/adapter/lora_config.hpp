// adapter_config.json of a LoRA adapter, as PEFT writes it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/adapter/targets.hpp"

namespace strata::adapter {

struct LoraConfig {
  // Parses the file's text; `who` names it. Throws Error naming a key whose value is wrong, or that
  // asks for something else than plain LoRA.
  static LoraConfig parse(std::string_view text, const std::string& who);

  // The rank and the scale of the product of a module, or of a parameter: the first rule that
  // matches its name counts.
  std::int64_t rank_of(std::string_view name, Effort& effort) const;
  double scale_of(std::string_view name, Effort& effort) const;

  std::string base;  // the base model's name; may be empty
  std::int64_t rank = 8;
  double alpha = 8;
  bool rslora = false;  // the scale is alpha / sqrt(rank) instead of alpha / rank
  // Other ranks and alphas, in the file's order.
  std::vector<std::pair<Pattern, std::int64_t>> ranks;
  std::vector<std::pair<Pattern, double>> alphas;
  bool ties = false;  // an adapter of the table is the tied head's too
  Targets targets;
};

}  // namespace strata::adapter
