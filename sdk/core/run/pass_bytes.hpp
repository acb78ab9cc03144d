// The memory that passes hold beside weights.
#pragma once
#include <cstdint>

#include "core/run/prepare.hpp"

namespace strata::run {

inline constexpr uint32_t kv_block = 256;  // the most tokens of a block of the KV cache

// The most bytes of activations that a pass of so many tokens holds, with the logits for the host.
uint64_t activation_bytes(const Model& model, const Wish& wish, int64_t tokens);

// The bytes of the KV cache: every layer's, for every sequence's blocks.
uint64_t kv_bytes(const Model& model, const Wish& wish, const KvRoom& kv);

}  // namespace strata::run
