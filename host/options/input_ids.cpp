#include "host/options/input_ids.hpp"

namespace strata::host {

void add_input_ids(cli::Table& table, std::vector<cli::Ids>& input_ids) {
  table.push_back({"input-ids", "run.input_ids", &input_ids, "IDS",
                   "token ids \"1,2,3\" instead of text; generate: once for each prompt"});
}

}  // namespace strata::host
