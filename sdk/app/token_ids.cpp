#include "app/token_ids.hpp"

#include <string>

#include "core/error.hpp"

namespace strata::app {

int64_t table_rows(const run::Model& model) {
  return model.family->units().front().weights.front().shape[0];
}

void check_ids(std::span<const int32_t> ids, const run::Model& model, std::string_view who) {
  const auto size = table_rows(model);
  for (const auto id : ids)
    if (id < 0 || id >= size)
      throw Error(who,
                  "token " + std::to_string(id) + " is outside the model's " +
                      std::to_string(size) + " tokens",
                  "use ids from 0 to " + std::to_string(size - 1));
}

}  // namespace strata::app
