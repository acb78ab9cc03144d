// Weights in floats of 8 bits with scales for blocks, as DeepSeek's and Qwen's checkpoints have
// them, or with one scale for each row or for the weight. An element is the code times the scale in
// float32. The tensors are the weight F8_E4M3 [out,in] and weight_scale_inv or weight_scale: floats
// or powers of 2 that multiply, in spite of the first one's name.
#pragma once
#include "packed/codec.hpp"
#include "packed/method.hpp"
#include "packed/rows.hpp"

namespace fp8 {

using namespace packed;
using strata::kernels::Code, strata::kernels::Zero;

struct BlockScaled {
  // The keys of a scale called weight_scale_inv, and of one called weight_scale.
  static constexpr std::string_view keys[] = {"fp8-block", "fp8-scale"};

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       const Tensors& tensors) {
    const auto method = method_of(options);
    const auto *weight = tensors.find("weight"), *inverse = tensors.find("weight_scale_inv"),
               *plain = tensors.find("weight_scale");
    const auto* scale = inverse ? inverse : plain;
    if (!weight || !scale || method == "compressed-tensors") return std::nullopt;
    if (weight->type != "F8_E4M3") {
      if (!inverse) return std::nullopt;
      throw tensors.unsupported(words_of(*weight) + " with " + words_of(*scale));
    }
    tensors.need_matrix(*weight);
    const auto number = number_of_type(scale->type);
    if (!number || *number == Number::e4m3) throw tensors.unsupported(words_of(*scale));
    const auto grid = grid_of(options, tensors, *weight, *scale, *number);
    return strata::PackedWeight{std::string(inverse ? keys[0] : keys[1]) + " " + grid.words(),
                                {weight->shape.begin(), weight->shape.end()},
                                {STRATA_BFLOAT, 16, 1}};
  }

  // The scales of the blocks that the configuration names. Where it names none they are those of
  // blocks of 128 x 128, of rows, or of the weight, as their shape says.
  static Grid grid_of(const strata::Config* options, const Tensors& tensors,
                      const strata::WeightTensor& weight, const strata::WeightTensor& scale,
                      Number number) {
    const auto out = weight.shape[0], in = weight.shape[1];
    if (const auto block = block_of(options, tensors)) {
      const auto grid = Grid::in_blocks(scale.shape, out, in, number, *block);
      if (!grid)
        throw tensors.misfit(weight, scale, std::string(block_key), block->rows, block->columns);
      return *grid;
    }
    constexpr Block usual[] = {{128, 128}};
    const auto grid = Grid::find(scale.shape, out, in, number, usual);
    if (!grid)
      throw tensors.refused(words_of(weight) + " and " + words_of(scale) +
                                " do not fit each other in blocks of 128 x 128, and config.json "
                                "has no weight_block_size",
                            "give the config.json that belongs to these weights");
    return *grid;
  }

  static constexpr std::string_view block_key = "weight_block_size";
  static std::optional<Block> block_of(const strata::Config* options, const Tensors& tensors) {
    if (!options || !options->has(block_key)) return std::nullopt;
    const Block out{options->i64("weight_block_size.0", 0), options->i64("weight_block_size.1", 0)};
    if (options->count(block_key) != 2 || out.rows < 1 || out.rows > longest || out.columns < 1 ||
        out.columns > longest)
      throw tensors.refused("weight_block_size is no pair of lengths", "fix config.json");
    return out;
  }

  BlockScaled(std::string_view key, Words& words) : inverse(key == keys[0]), grid(words) {
    if (grid.number() == Number::e4m3) words.refuse();
  }

  std::vector<strata::Part> parts(int64_t out, int64_t in) const {
    return {{"weight", {STRATA_UINT, 8, 1}, {out, in}},
            {inverse ? "weight_scale_inv" : "weight_scale", type_of(grid.number()).dtype,
             grid.shape(out, in)}};
  }

  void unpack(std::span<const Memory> parts, const Memory& weight) const {
    const auto in = weight.shape[1];
    const auto* codes = parts[0].as<const uint8_t>();
    fill(
        weight, grid.columns(in), Number::single,
        [&](int64_t r, float* to) {
          for (int64_t c = 0; c < in; ++c) to[c] = e4m3_number(codes[r * in + c]);
        },
        [](int64_t, int64_t) { return 0.0F; },
        [&](int64_t r, int64_t block) { return grid.at(parts[1].data, r, block, in); });
  }

  std::optional<GroupForm> groups(int64_t, int64_t in) const {
    return groups_of(grid, in, Code::e4m3, Zero::none);
  }

  void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const {
    std::memcpy(run.codes, held[0].data, static_cast<std::size_t>(out * in));
    repack_scales(grid, held[1].data, out, in, run.scales);
  }

  // In pack.hpp; for scales in float32.
  void pack(const Memory& weight, std::span<const Memory> parts) const;

  bool inverse;
  Grid grid;
};

}  // namespace fp8
