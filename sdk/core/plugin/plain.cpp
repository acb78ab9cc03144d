#include "core/plugin/plain.hpp"

#include <new>

#include "core/error.hpp"

namespace strata::plugin {
namespace {

constexpr std::align_val_t alignment{64};

[[noreturn]] void refuse(const char* op) {
  throw Error(op, "there is no arithmetic in this call", "it needs the compute half");
}

}  // namespace

void PlainTensor::Free::operator()(std::byte* p) const { ::operator delete(p, alignment); }

uint64_t PlainTensor::bytes_of(const shape::Value& value) {
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<uint64_t>(value.dims.elements()),
                             uint64_t{value.dtype.bits} * value.dtype.lanes / 8, &bytes))
    throw std::bad_alloc();
  return bytes;
}

PlainTensor::PlainTensor(const shape::Value& value, void* data, strata_device device)
    : value_(value), strides_(value.dims), data_(data), device_(device) {
  int64_t stride = 1;
  for (auto i = value_.dims.size(); i-- > 0; stride *= value_.dims[i]) strides_[i] = stride;
}

PlainTensor::PlainTensor(const shape::Value& value) : PlainTensor(value, nullptr) {
  own_.reset(static_cast<std::byte*>(::operator new(bytes_of(value), alignment)));
  data_ = own_.get();
}

strata_view PlainTensor::view() {
  return {data_,
          device_,
          static_cast<int32_t>(value_.dims.size()),
          value_.dtype,
          &value_.dims[0],
          &strides_[0],
          0};
}

Handle PlainOps::weight(uint32_t) { refuse("weight"); }
Handle PlainOps::embedding(uint32_t, strata_tensor&) { refuse("embedding"); }
Handle PlainOps::positions(uint32_t, int64_t) { refuse("positions"); }
void PlainOps::linear(const strata_op_linear&, strata_tensor&, std::span<Handle>) {
  refuse("linear");
}
Handle PlainOps::norm(const strata_op_norm&, strata_tensor&) { refuse("norm"); }
Handle PlainOps::rope(const strata_op_rope&, strata_tensor&) { refuse("rope"); }
Handle PlainOps::attention(const strata_op_attention&, strata_tensor&, strata_tensor&,
                           strata_tensor&) {
  refuse("attention");
}
Handle PlainOps::moe(const strata_op_moe&, strata_tensor&) { refuse("moe"); }
Handle PlainOps::activation(int32_t, strata_tensor&) { refuse("activation"); }
Handle PlainOps::gated(int32_t, strata_tensor&, strata_tensor*) { refuse("gated"); }
Handle PlainOps::elementwise(int32_t, strata_tensor&, strata_tensor*, double) {
  refuse("elementwise");
}
void PlainOps::heads(int32_t, uint32_t, uint32_t, uint32_t, strata_tensor&, std::span<Handle>) {
  refuse("heads");
}
Handle PlainOps::dropout(double, strata_tensor&) { refuse("dropout"); }
void PlainOps::call(std::string_view, std::string_view, std::span<strata_tensor* const>,
                    std::span<Handle>) {
  refuse("call");
}
void PlainOps::split(std::span<const uint32_t>, strata_tensor&, std::span<Handle>) {
  refuse("split");
}
Handle PlainOps::concat(std::span<strata_tensor* const>) { refuse("concat"); }

Handle PlainOps::empty(strata_dtype dtype, std::span<const int64_t> shape) {
  return Handle(new PlainTensor({dtype, shape::Dims(shape)}));
}

void* PlainOps::workspace(uint64_t bytes) {
  if (bytes > uint64_t{1} << 62) throw std::bad_alloc();
  const shape::Value value{{STRATA_UINT, 8, 1}, {static_cast<int64_t>(bytes)}};
  return workspaces_.emplace_back(std::make_unique<PlainTensor>(value))->view().data;
}

}  // namespace strata::plugin
