#include <optional>

#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/named.hpp"

namespace strata::torch::arithmetic {

void call(UnitCall& on, const Args& args, Results out) {
  const auto& [name, json, in, count] = args.of<&strata_ops::call>();
  const std::string_view named(name.p, name.n), text(json.p, json.n);
  if (out.size() != 1)
    throw Error("call", std::string(named) + " returns one tensor", "correct the plugin");
  const auto& attributes = on.shared.attributes.of(text);
  std::optional<Dropping> dropping;
  if (attributes.dropout > 0 && on.drops())
    dropping.emplace(Dropping{on.shared.training->draws, on.next_source()});
  out[0] =
      call_named(named, attributes, on.shared.pass, {in, count}, dropping ? &*dropping : nullptr);
}

}  // namespace strata::torch::arithmetic
