#include "host/running/token_ids.hpp"

#include <string>

#include "core/error.hpp"

namespace strata::host {

void add_input_ids(cli::Table& table, std::vector<cli::Ids>& input_ids) {
  table.push_back({"input-ids", "run.input_ids", &input_ids, "IDS",
                   "token ids \"1,2,3\" instead of text; generate: once for each prompt"});
}

void check_ids(std::span<const int32_t> ids, const run::Model& model) {
  const auto size = model.family->units().front().weights.front().shape[0];
  for (const auto id : ids)
    if (id < 0 || id >= size)
      throw Error("--input-ids",
                  "token " + std::to_string(id) + " is outside the model's " +
                      std::to_string(size) + " tokens",
                  "use ids from 0 to " + std::to_string(size - 1));
}

}  // namespace strata::host
