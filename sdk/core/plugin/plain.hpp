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

// Serves empty and workspace in host memory; refuses every op.
class PlainOps : public Ops {
 public:
  Handle weight(uint32_t) override;
  Handle embedding(uint32_t, strata_tensor&) override;
  Handle positions(uint32_t, int64_t) override;
  void linear(const strata_op_linear&, strata_tensor&, std::span<Handle>) override;
  Handle norm(const strata_op_norm&, strata_tensor&) override;
  Handle rope(const strata_op_rope&, strata_tensor&) override;
  Handle attention(const strata_op_attention&, strata_tensor&, strata_tensor&,
                   strata_tensor&) override;
  Handle moe(const strata_op_moe&, strata_tensor&) override;
  Handle activation(int32_t, strata_tensor&) override;
  Handle gated(int32_t, strata_tensor&, strata_tensor*) override;
  Handle elementwise(int32_t, strata_tensor&, strata_tensor*, double) override;
  void heads(int32_t, uint32_t, uint32_t, uint32_t, strata_tensor&, std::span<Handle>) override;
  Handle dropout(double, strata_tensor&) override;
  void call(std::string_view, std::string_view, std::span<strata_tensor* const>,
            std::span<Handle>) override;
  void split(std::span<const uint32_t>, strata_tensor&, std::span<Handle>) override;
  Handle concat(std::span<strata_tensor* const>) override;
  Handle empty(strata_dtype dtype, std::span<const int64_t> shape) override;
  // The memory lives until these ops are destroyed: use one PlainOps a call.
  void* workspace(uint64_t bytes) override;

 private:
  std::vector<std::unique_ptr<PlainTensor>> workspaces_;
};

}  // namespace strata::plugin
