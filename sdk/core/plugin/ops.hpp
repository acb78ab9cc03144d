// The host's side of a compute plugin's calls: tensors behind the ABI's handles, and the ops of one
// call. The op table of the ABI (core/ops) leads every op to the Ops of its call, which records
// shapes (dry_run) or computes (the torch half); a plugin cannot tell which.
#pragma once
#include <strata/abi/ops.h>

#include <cstdint>
#include <span>
#include <utility>

#include "core/shape/op.hpp"

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

// The implementation of the ops of one call. Ops borrow the tensors passed in.
class Ops {
 public:
  virtual ~Ops() = default;
  // Runs an op of the table and fills `out` with its results. It calls the op's shape function,
  // which throws Error to refuse, before anything is computed. The default refuses every op by its
  // name.
  virtual void run(const shape::Op& op, const shape::Args& args, std::span<Handle> out);

  virtual Handle empty(strata_dtype dtype, std::span<const int64_t> shape) = 0;
  // Lends device memory until the plugin's call returns.
  virtual void* workspace(uint64_t bytes) = 0;
};

// Runs an op with the arguments of its C function. There are as many results as `out` has room for.
template <auto field, class... A>
void run(Ops& ops, const shape::Row<field>& op, std::span<Handle> out, A... args) {
  const shape::ArgumentsOf<field> values{args...};
  ops.run(op, shape::Args(values), out);
}

// A call as the host makes it; the part that plugins see comes first.
struct Call {
  strata_call seen;
  Ops* ops;
};

}  // namespace strata::plugin
