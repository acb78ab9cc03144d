// A family of an embedding, a body's unit and a head, with one fault.
#include <strata/model.hpp>

#include "deed.hpp"

namespace {

using faulty::deed, faulty::is;
using strata::Ops, strata::Tensor;

struct Faulty {
  int64_t V, D;

  explicit Faulty(const strata::Config& c)
      : V(c.length("vocab_size")), D(c.length("hidden_size")) {}
  static int32_t score(std::string_view type, const strata::Config&) {
    return type == "faulty" ? 100 : 0;
  }
  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    d.unit("body.", "body").weight("norm.weight", {D});
    d.head().weight("head.weight", {V, D});
  }
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    if (unit == 0) return op.embedding(x, "embed");
    if (unit == 2) return op.linear(x, "head");
    return op.norm(x, "norm", strata::RmsNorm{.eps = 1e-6});
  }
};

// Beside the class's guarded functions: what is thrown here crosses.
strata_status forward(strata_self* self, strata_call* call, uint32_t unit, strata_tensor* x,
                      strata_tensor** out) {
  using Table = strata::ModelTable<Faulty, strata::abi::Literal("faulty")>;
  const auto* tensors = strata::host_table<strata_host_tensor>("strata.host.tensor/1");
  if (unit != 1) return Table::forward(self, call, unit, x, out);
  deed("forward");
  if (is("forward:nothing")) return STRATA_OK;
  if (is("forward:same")) return *out = x, STRATA_OK;
  if (is("forward:999")) return 999;
  const auto status = Table::forward(self, call, unit, x, out);
  if (is("forward:release")) tensors->release(x);
  if (is("forward:released")) tensors->release(*out);
  if (is("forward:twice")) tensors->release(*out), tensors->release(*out);
  if (is("forward:keep")) tensors->retain(x);
  return status;
}

strata_status declare(strata_self* self, strata_status (*emit)(void*, const strata_unit*),
                      void* to) {
  deed("declare");
  if (is("declare:for-ever"))
    for (;;) emit(to, nullptr);
  if (is("declare:ignores")) emit(to, nullptr);
  return strata::ModelTable<Faulty, strata::abi::Literal("faulty")>::declare(self, emit, to);
}

constexpr strata_model made() {
  auto table = strata::ModelTable<Faulty, strata::abi::Literal("faulty")>::table;
  table.forward = forward;
  table.declare = declare;
  return table;
}
constexpr strata_model table = made();

}  // namespace

STRATA_EXPORT_PLUGIN("model", "faulty", "1.0.0", {"strata.model/1", &table});
