// The chosen attention backend, behind the op attention.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/draft/attention.h>

#include <string>
#include <vector>

#include "core/plugin/ops.hpp"

namespace strata::torch {

// The tensors of one call; an absent one is undefined.
struct AttentionInput {
  at::Tensor q, k, v, starts, lengths;
  at::Tensor table = {}, slopes = {}, sinks = {};
};

// The instances of a backend, one for each different request; kept until the end.
class AttentionBackend {
 public:
  // `table` may be null: then it refuses the first use.
  AttentionBackend(const strata_attention* table, std::string name, const strata_host* host);
  ~AttentionBackend();
  AttentionBackend(const AttentionBackend&) = delete;
  AttentionBackend& operator=(const AttentionBackend&) = delete;

  // q, k, v -> [T,H*Ev]. Refuses a request that the backend does not serve, and a result of another
  // shape or dtype. Errors carry the backend's words. `args` has the arguments that are no tensors.
  plugin::Handle run(const strata_attention_request& request, strata_call& call,
                     const AttentionInput& input, strata_attention_args args);

 private:
  strata_self* instance(const strata_attention_request& request);

  const strata_attention* table_;
  std::string name_;
  const strata_host* host_;
  struct Instance {
    strata_attention_request request;
    strata_self* self;
  };
  std::vector<Instance> instances_;
};

// The slopes of ALiBi for h heads, float32 [h]. Source: "Train Short, Test Long", its code.
at::Tensor alibi_slopes(uint32_t h, const at::Device& device);

}  // namespace strata::torch
