#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/named.hpp"

namespace strata::torch::arithmetic {

void call(UnitCall& on, const Args& args, Results out) {
  const auto& [name, json, in, count] = args.of<&strata_ops::call>();
  const std::string_view named(name.p, name.n), text(json.p, json.n);
  if (out.size() != 1)
    throw Error("call", std::string(named) + " returns one tensor", "correct the plugin");
  out[0] = call_named(named, on.shared.attributes.of(text), on.shared.pass, {in, count});
}

}  // namespace strata::torch::arithmetic
