// Token ids that the user gives instead of text.
#pragma once
#include <vector>

#include "host/cli/option.hpp"

namespace strata::host {

void add_input_ids(cli::Table& table, std::vector<cli::Ids>& input_ids);

}  // namespace strata::host
