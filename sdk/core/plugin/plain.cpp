#include "core/plugin/plain.hpp"

#include <new>

namespace strata::plugin {
namespace {

constexpr std::align_val_t alignment{64};

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

Handle PlainOps::empty(strata_dtype dtype, std::span<const int64_t> shape) {
  return Handle(new PlainTensor({dtype, shape::Dims(shape)}));
}

void* PlainOps::workspace(uint64_t bytes) {
  if (bytes > uint64_t{1} << 62) throw std::bad_alloc();
  const shape::Value value{{STRATA_UINT, 8, 1}, {static_cast<int64_t>(bytes)}};
  return workspaces_.emplace_back(std::make_unique<PlainTensor>(value))->view().data;
}

}  // namespace strata::plugin
