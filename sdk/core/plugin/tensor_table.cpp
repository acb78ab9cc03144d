#include "core/plugin/tensor_table.hpp"

#include "core/plugin/thunk.hpp"
#include "core/shape/value.hpp"

namespace strata::plugin {
namespace {

strata_status view(strata_call*, strata_tensor* tensor, strata_view* out) noexcept {
  return guarded([&] {
    if (!out) refuse("view", "out is null");
    *out = at("view", "the tensor", tensor)->view();
  });
}

strata_status empty(strata_call* call, strata_dtype dtype, int32_t ndim, const int64_t* shape,
                    strata_tensor** out) noexcept {
  return guarded([&] {
    if (!out) refuse("empty", "out is null");
    auto& ops = ops_of("empty", call);
    if (ndim < 0 || (!shape && ndim != 0)) refuse("empty", "its shape is missing");
    const shape::Dims dims(std::span(shape, static_cast<std::size_t>(ndim)));
    dims.elements();
    *out = ops.empty(dtype, {dims.begin(), dims.end()}).give();
  });
}

strata_status workspace(strata_call* call, uint64_t bytes, void** out) noexcept {
  return guarded([&] {
    if (!out) refuse("workspace", "out is null");
    *out = ops_of("workspace", call).workspace(bytes);
  });
}

void retain(strata_tensor* tensor) noexcept {
  if (tensor) ++tensor->owners;
}

void release(strata_tensor* tensor) noexcept { const Handle last(tensor); }

}  // namespace

const strata_host_tensor* tensor_table() {
  static constexpr strata_host_tensor table{
      {sizeof(strata_host_tensor), 0}, view, empty, workspace, retain, release};
  return &table;
}

}  // namespace strata::plugin
