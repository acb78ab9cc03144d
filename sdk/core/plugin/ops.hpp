// The host's side of a compute plugin's calls: tensors behind the ABI's handles, and the ops of one
// call. The op table of the ABI (plugin/op_table.cpp) leads every op to the Ops of its call, which
// records shapes (core) or computes (the torch half); a plugin cannot tell which.
#pragma once
#include <strata/abi/ops.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

// The struct behind the ABI's opaque handle. Reference-counted by retain and release on the thread
// that computes.
struct strata_tensor {
  strata_tensor() = default;
  strata_tensor(const strata_tensor&) = delete;
  strata_tensor& operator=(const strata_tensor&) = delete;
  virtual ~strata_tensor() = default;
  // Shape and strides live as long as the tensor; data is null while only shapes are recorded.
  virtual strata_view view() = 0;
  // Frees its memory: it has no owner any more.
  virtual void drop() noexcept {}

  int owners = 1;
};

namespace strata::plugin {

// Removes an owner. Within a plugin's call a tensor without owners frees its memory and stays as a
// shell to the end of that call, so that the host can refuse a later use by the plugin's name. A
// release without an owner is counted; take_overreleased() returns the count and resets it.
void release_owner(strata_tensor* tensor) noexcept;
int take_overreleased() noexcept;
// Marks the end of the thread's outermost call.
void drop_shells() noexcept;

// A handle that owns a tensor once.
class Handle {
 public:
  Handle() = default;
  explicit Handle(strata_tensor* owned) : tensor_(owned) {}
  Handle(Handle&& other) noexcept : tensor_(other.give()) {}
  Handle& operator=(Handle&& other) noexcept {
    reset();
    tensor_ = other.give();
    return *this;
  }
  ~Handle() { reset(); }

  strata_tensor* get() const { return tensor_; }
  // Hands the ownership out, for the ABI's `out` arguments.
  strata_tensor* give() { return std::exchange(tensor_, nullptr); }
  explicit operator bool() const { return tensor_ != nullptr; }

 private:
  void reset() {
    if (tensor_) release_owner(tensor_);
    tensor_ = nullptr;
  }
  strata_tensor* tensor_ = nullptr;
};

// The implementation of the ops of one call. Arguments are as in <strata/abi/ops.h>; the shape
// functions check them before anything is computed, and throw Error to refuse. Ops borrow the
// tensors passed in. An implementation that does not override an op refuses it by its name.
class Ops {
 public:
  virtual ~Ops() = default;
  virtual Handle weight(uint32_t index);
  virtual Handle embedding(uint32_t weight, strata_tensor& ids);
  virtual Handle positions(uint32_t weight, int64_t offset);
  virtual void linear(const strata_op_linear& op, strata_tensor& x, std::span<Handle> out);
  virtual Handle norm(const strata_op_norm& op, strata_tensor& x);
  virtual Handle rope(const strata_op_rope& op, strata_tensor& x);
  virtual Handle attention(const strata_op_attention& op, strata_tensor& q, strata_tensor& k,
                           strata_tensor& v);
  virtual Handle moe(const strata_op_moe& op, strata_tensor& x);
  virtual Handle activation(int32_t f, strata_tensor& x);
  virtual Handle gated(int32_t f, strata_tensor& gate, strata_tensor* up);
  virtual Handle elementwise(int32_t op, strata_tensor& a, strata_tensor* b, double value);
  // `out` has one tensor for single and merged, three (q, k, v) for fused and interleaved.
  virtual void heads(int32_t layout, uint32_t h, uint32_t k, uint32_t e, strata_tensor& x,
                     std::span<Handle> out);
  virtual Handle dropout(double p, strata_tensor& x);
  virtual void call(std::string_view name, std::string_view json,
                    std::span<strata_tensor* const> in, std::span<Handle> out);
  virtual void split(std::span<const uint32_t> widths, strata_tensor& x, std::span<Handle> out);
  virtual Handle concat(std::span<strata_tensor* const> in);

  virtual Handle empty(strata_dtype dtype, std::span<const int64_t> shape) = 0;
  // Lends device memory until the plugin's call returns.
  virtual void* workspace(uint64_t bytes) = 0;
};

// A call as the host makes it; the part that plugins see comes first.
struct Call {
  strata_call seen;
  Ops* ops;
};

}  // namespace strata::plugin
