// Token ids that the user gives instead of text.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/run/model.hpp"
#include "host/cli/option.hpp"

namespace strata::host {

void add_input_ids(cli::Table& table, std::vector<cli::Ids>& input_ids);

// Rejects ids that the model's embedding does not have.
void check_ids(std::span<const int32_t> ids, const run::Model& model);

}  // namespace strata::host
