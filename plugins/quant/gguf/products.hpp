// The kernels' names of the blocks that they multiply on the CPU.
#pragma once
#include <array>
#include <kernels/block_products.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace gguf {

namespace kernels = strata::kernels;

// The kernels' name of a scheme's blocks; nothing: they multiply no such ones.
inline std::optional<kernels::Block> block_of(std::string_view scheme) {
  using kernels::Block;
  constexpr std::array<std::pair<std::string_view, Block>, 10> known{{{"Q4_0", Block::q4_0},
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

}  // namespace gguf
