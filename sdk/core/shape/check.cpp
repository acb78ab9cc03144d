#include "core/shape/check.hpp"

#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::shape {

void refuse(const Scope& scope, std::string_view op, const std::string& fact,
            std::string_view remedy) {
  throw Error(scope.unit->name, std::string(op) + ": " + fact, remedy);
}

std::string words(const shape::DeclaredWeight& weight, uint32_t index) {
  return "weight " + std::to_string(index) + " '" + weight.name + "' " + words(Dims(weight.shape));
}

const shape::DeclaredWeight& declared(const Scope& scope, std::string_view op,
                                      std::string_view what, uint32_t index) {
  const auto& weights = scope.unit->weights;
  if (index >= weights.size())
    refuse(scope, op,
           std::string(what) + ": no weight " + std::to_string(index) + ", the unit declares " +
               std::to_string(weights.size()));
  return weights[index];
}

void takes_weight(const Scope& scope, std::string_view op, std::string_view what, uint32_t index,
                  const Dims& dims) {
  const auto& weight = declared(scope, op, what, index);
  if (weight.experts != 0 || !std::ranges::equal(weight.shape, dims))
    refuse(scope, op, std::string(what) + ": " + words(weight, index) + " is not " + words(dims));
}

int64_t takes_table(const Scope& scope, std::string_view op, uint32_t index) {
  const auto& table = declared(scope, op, "table", index);
  if (table.shape.size() != 2 || table.experts != 0)
    refuse(scope, op, words(table, index) + " is no table [rows,D]");
  return table.shape[1];
}

void takes_function(const Scope& scope, std::string_view op, int32_t f) {
  if (f < STRATA_RELU || f > STRATA_SQRT_SOFTPLUS)
    refuse(scope, op, "function " + std::to_string(f) + " is not known");
}

void takes(const Scope& scope, std::string_view op, std::string_view what, const strata_view& x,
           int32_t rank) {
  if (!same(x.dtype, scope.dtype))
    refuse(scope, op, std::string(what) + " " + words(x) + " is not " + words(scope.dtype));
  if (rank == 0 ? x.ndim < 1 : x.ndim != rank)
    refuse(scope, op,
           std::string(what) + " " + words(x) + " has not " +
               (rank == 0 ? "one dimension or more" : std::to_string(rank) + " dimensions"));
}

void takes_tokens(const Scope& scope, std::string_view op, std::string_view what,
                  const strata_view& x, int32_t rank) {
  takes(scope, op, what, x, rank);
  if (x.shape[0] != scope.tokens)
    refuse(scope, op,
           std::string(what) + " " + words(x) + " has not a row for each of the " +
               std::to_string(scope.tokens) + " tokens");
}

}  // namespace strata::shape
