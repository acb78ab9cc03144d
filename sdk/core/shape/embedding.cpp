#include "core/shape/check.hpp"

namespace strata::shape {
namespace {

int64_t columns(const Scope& scope, std::string_view op, uint32_t weight) {
  const auto& table = declared(scope, op, "table", weight);
  if (table.shape.size() != 2 || table.experts != 0)
    refuse(scope, op, words(table, weight) + " is no table [rows,D]");
  return table.shape[1];
}

}  // namespace

Value embedding(const Scope& scope, uint32_t weight, const strata_view& ids) {
  const auto width = columns(scope, "embedding", weight);
  if (ids.dtype.code != STRATA_INT || ids.ndim != 1 || ids.shape[0] != scope.tokens)
    refuse(scope, "embedding",
           "ids " + words(ids) + " are not an integer for each of the " +
               std::to_string(scope.tokens) + " tokens");
  return {scope.dtype, {scope.tokens, width}};
}

Value positions(const Scope& scope, uint32_t weight, int64_t offset) {
  const auto width = columns(scope, "positions", weight);
  if (offset < 0 || offset >= scope.unit->weights[weight].shape[0])
    refuse(scope, "positions",
           "offset " + std::to_string(offset) + " leads out of " +
               words(scope.unit->weights[weight], weight));
  return {scope.dtype, {scope.tokens, width}};
}

}  // namespace strata::shape
