// Products on the CPU with the blocks that the kernels multiply.
#pragma once
#include <array>
#include <kernels/packed_linear.hpp>
#include <optional>
#include <strata/quant.hpp>
#include <string_view>
#include <utility>

namespace gguf {

namespace kernels = strata::kernels;

// The kernels' name of a scheme's blocks; nothing: they multiply no such ones.
inline std::optional<kernels::Block> block_of(std::string_view scheme) {
  using kernels::Block;
  constexpr std::array<std::pair<std::string_view, Block>, kernels::block_count> known{
      {{"Q4_0", Block::q4_0},
       {"Q4_1", Block::q4_1},
       {"Q5_0", Block::q5_0},
       {"Q5_1", Block::q5_1},
       {"Q8_0", Block::q8_0},
       {"Q2_K", Block::q2_k},
       {"Q3_K", Block::q3_k},
       {"Q4_K", Block::q4_k},
       {"Q5_K", Block::q5_k},
       {"Q6_K", Block::q6_k}}};
  for (const auto& [name, block] : known)
    if (name == scheme) return block;
  return std::nullopt;
}

// Beyond as many tokens an unpacked tile of the weight, which is used for all of them, costs less
// than decoding blocks for each few. Fast products are computed for any number, since they round
// the vectors and tiles do not: a token's numbers must not depend on the length of its pass.
inline constexpr int64_t most_tokens = 64;

// Whether the kernels compute it.
inline bool multiplies(kernels::Block block, const strata::ProductKind& kind) {
  const auto [code, bits, lanes] = kind.dtype;
  const bool number =
      lanes == 1 && ((code == STRATA_FLOAT && bits == 32) || (code == STRATA_BFLOAT && bits == 16));
  const bool host = kind.device.type == STRATA_CPU || kind.device.type == STRATA_PINNED;
  return number && host && kind.weight.size() == 2 && (kind.fast || kind.tokens <= most_tokens) &&
         kernels::can(block, kind.weight[1]);
}

inline kernels::Products products_of(bool fast) {
  return fast ? kernels::Products::fast : kernels::Products::exact;
}

// y = x w^T on the host's threads; the arguments have been checked.
inline void multiply(kernels::Block block, const std::byte* w, const strata::Product& product) {
  const auto tokens = product.x.shape[0], columns = product.x.shape[1], rows = product.y.shape[1];
  kernels::Run run;
  if (product.threads) {
    run.context = const_cast<strata_threads*>(product.threads);
    run.parallel = [](void* context, int64_t items, void (*item)(void*, int64_t), void* user) {
      const auto* threads = static_cast<const strata_threads*>(context);
      threads->run(threads, items, item, user);
    };
  }
  kernels::linear({block, w, rows, columns}, product.x.data, product.x.dtype, columns,
                  product.y.data, product.y.dtype, rows, tokens,
                  static_cast<std::byte*>(product.workspace), run, products_of(product.fast));
}

}  // namespace gguf
