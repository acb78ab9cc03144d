// Tensors over plain host memory, for codecs where nothing computes: import, checks, tests.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "core/plugin/ops.hpp"
#include "core/shape/value.hpp"

namespace strata::plugin {

// A contiguous tensor, in given memory, which the caller keeps, or in its own.
class PlainTensor : public strata_tensor {
 public:
  PlainTensor(const shape::Value& value, void* data, strata_device device = {STRATA_CPU, 0});
  // Allocates its own memory, 64-byte aligned and not filled.
  explicit PlainTensor(const shape::Value& value);
  strata_view view() override;
  void drop() noexcept override { own_.reset(), data_ = nullptr; }
  static uint64_t bytes_of(const shape::Value& value);

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  shape::Value value_;
  shape::Dims strides_;
  std::unique_ptr<std::byte, Free> own_;
  void* data_;
  strata_device device_;
};

// Serves empty and workspace in host memory, and no op.
class PlainOps : public Ops {
 public:
  Handle empty(strata_dtype dtype, std::span<const int64_t> shape) override;
  // The memory lives until these ops are destroyed: use one PlainOps a call.
  void* workspace(uint64_t bytes) override;

 private:
  std::vector<std::unique_ptr<PlainTensor>> workspaces_;
};

}  // namespace strata::plugin
