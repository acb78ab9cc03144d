// Token ids that a user gives.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "core/run/model.hpp"

namespace strata::app {

// The rows of the model's embedding: the ids from 0 on that it has.
int64_t table_rows(const run::Model& model);

// Refuses ids that the model's embedding does not have; `who` begins the error.
void check_ids(std::span<const int32_t> ids, const run::Model& model, std::string_view who);

}  // namespace strata::app
