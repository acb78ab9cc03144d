#include "core/plugin/ops.hpp"

#include "core/error.hpp"

namespace strata::plugin {
namespace {

[[noreturn]] void refuse(const char* op) {
  throw Error(op, "there is no arithmetic in this call", "it needs the compute half");
}

}  // namespace

Handle Ops::weight(uint32_t) { refuse("weight"); }
Handle Ops::embedding(uint32_t, strata_tensor&) { refuse("embedding"); }
Handle Ops::positions(uint32_t, int64_t) { refuse("positions"); }
void Ops::linear(const strata_op_linear&, strata_tensor&, std::span<Handle>) { refuse("linear"); }
Handle Ops::norm(const strata_op_norm&, strata_tensor&) { refuse("norm"); }
Handle Ops::rope(const strata_op_rope&, strata_tensor&) { refuse("rope"); }
Handle Ops::attention(const strata_op_attention&, strata_tensor&, strata_tensor&, strata_tensor&) {
  refuse("attention");
}
Handle Ops::moe(const strata_op_moe&, strata_tensor&) { refuse("moe"); }
Handle Ops::activation(int32_t, strata_tensor&) { refuse("activation"); }
Handle Ops::gated(int32_t, strata_tensor&, strata_tensor*) { refuse("gated"); }
Handle Ops::elementwise(int32_t, strata_tensor&, strata_tensor*, double) { refuse("elementwise"); }
void Ops::heads(int32_t, uint32_t, uint32_t, uint32_t, strata_tensor&, std::span<Handle>) {
  refuse("heads");
}
Handle Ops::dropout(double, strata_tensor&) { refuse("dropout"); }
void Ops::call(std::string_view, std::string_view, std::span<strata_tensor* const>,
               std::span<Handle>) {
  refuse("call");
}
void Ops::split(std::span<const uint32_t>, strata_tensor&, std::span<Handle>) { refuse("split"); }
Handle Ops::concat(std::span<strata_tensor* const>) { refuse("concat"); }

}  // namespace strata::plugin
