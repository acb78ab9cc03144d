// A weight in its codec's form, as the ops use it where its plugin multiplies it as it lies.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/FunctionRef.h>

#include <string>
#include <vector>

#include "core/run/compute.hpp"

namespace strata::torch {

// The parts of a weight [rows,columns], which lie in memory of others. Each has the weight's rows.
struct CodedWeight {
  std::string name, scheme;
  int64_t columns = 0;
  std::vector<at::Tensor> parts;

  int64_t rows() const { return parts.front().size(0); }
  // The rows from `first` on, which are views of this one's.
  CodedWeight narrow(int64_t first, int64_t count) const;
  // Copies of the rows with these ids [T].
  CodedWeight select(const at::Tensor& ids) const;
};

// A tensor of that shape and type over memory that begins `at` bytes behind a place of the
// caller's.
using TensorOver =
    c10::function_ref<at::Tensor(uint64_t at, at::IntArrayRef shape, at::ScalarType type)>;

// The weight of that run form, which `tensor_over` gives the memory of; more `rows` than its own
// are those of the next members of its group.
CodedWeight coded_over(const zero::Weight& weight, int64_t rows, TensorOver tensor_over);

// The arguments that all calls of a codec need.
struct CodecCall {
  const run::FindCodec* codec;
  strata_call* call;
  bool fast = false;  // products may round their x to 8 bits
};

// The dense weight of that type, in new memory. The CPU's threads share the rows.
at::Tensor unpacked(const CodedWeight& weight, at::ScalarType type, const CodecCall& how);

}  // namespace strata::torch
