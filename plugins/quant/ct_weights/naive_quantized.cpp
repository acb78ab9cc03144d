#include "ct_weights/naive_quantized.hpp"

#include <cmath>

#include "ct_weights/transforms.hpp"

namespace compressed_tensors {

Code NaiveQuantized::code_of(Words& words) {
  const auto word = words.word();
  if (word != "int8" && word != "e4m3") words.refuse();
  return word == "int8" ? Code::int8 : Code::e4m3;
}

namespace {

// The scales have the blocks that all groups of the configuration name, or else those of some
// group, or others.
Grid grid_of(const Tensors& tensors, const strata::WeightTensor& weight,
             const strata::WeightTensor& scale, Number number,
             const std::vector<WeightSettings>& settings) {
  const auto out = weight.shape[0], in = weight.shape[1];
  for (const auto& one : settings)
    if (one.block)
      if (const auto grid = Grid::in_blocks(scale.shape, out, in, number, *one.block)) return *grid;
  if (all_say(settings, [](const auto& one) { return one.block.has_value(); })) {
    const auto& block = *settings.front().block;
    throw tensors.misfit(weight, scale, "block_structure", block.rows, block.columns);
  }
  const auto grid = Grid::find(scale.shape, out, in, number);
  if (!grid) throw tensors.misfit(weight, scale);
  return *grid;
}

}  // namespace

std::optional<strata::PackedWeight> NaiveQuantized::recognize(const strata::Config* options,
                                                              const Tensors& tensors) {
  const auto *weight = tensors.find("weight"), *scale = tensors.find("weight_scale"),
             *zero = tensors.find("weight_zero_point");
  if (!weight || !scale || method_of(options) != "compressed-tensors") return std::nullopt;
  refuse_transforms(options, tensors);
  const bool integers = weight->type == "I8";
  if (!integers && weight->type != "F8_E4M3")
    throw tensors.unsupported(words_of(*weight) + " with " + words_of(*scale));
  tensors.need_matrix(*weight);
  const auto number = number_of_type(scale->type);
  if (!number || *number == Number::e4m3) throw tensors.unsupported(words_of(*scale));
  const auto settings = weight_settings(options);
  if (*number == Number::exponent) need_mx(tensors, *scale, options, settings);
  const auto grid = grid_of(tensors, *weight, *scale, *number, settings);
  if (zero && (!integers || zero->type != "I8")) throw tensors.unsupported(words_of(*zero));
  if (zero && !std::ranges::equal(zero->shape, scale->shape)) throw tensors.misfit(*scale, *zero);
  // Old versions of the package leave zeros out where all are 0, also if symmetric is false.
  auto zeros = zero ? Zeros::bytes : Zeros::none;
  if (zero && all_say(settings, is_symmetric)) zeros = of_symmetric(zeros);
  return strata::PackedWeight{std::string("ct-naive ") + (integers ? "int8 " : "e4m3 ") +
                                  word_of(zeros) + " " + grid.words(),
                              {weight->shape.begin(), weight->shape.end()},
                              type_of(is_float(*number) ? *number : Number::brain).dtype};
}

std::vector<strata::Part> NaiveQuantized::parts(int64_t out, int64_t in) const {
  std::vector<strata::Part> all{
      {"weight", code == Code::int8 ? int8 : byte, {out, in}},
      {"weight_scale", type_of(grid.number()).dtype, grid.shape(out, in)}};
  if (zeros != Zeros::none) all.push_back(part_of(zeros, grid, 8, out, in));
  return all;
}

void NaiveQuantized::unpack(std::span<const Memory> parts, const Memory& weight) const {
  const auto in = weight.shape[1];
  const auto* const codes = parts[0].as<const uint8_t>();
  const void* const zero = zeros == Zeros::none ? nullptr : parts[2].data;
  check_zeros(zeros, grid, 8, zero, weight.shape[0], in);
  fill(
      weight, grid.columns(in), is_float(grid.number()) ? grid.number() : Number::brain,
      [&](int64_t r, float* to) {
        const auto* from = codes + r * in;
        if (code == Code::int8)
          for (int64_t c = 0; c < in; ++c) to[c] = static_cast<int8_t>(from[c]);
        else
          for (int64_t c = 0; c < in; ++c) to[c] = e4m3_number(from[c]);
      },
      [&](int64_t r, int64_t block) {
        return static_cast<float>(zero_at(zeros, grid, 8, zero, r, block, in));
      },
      [&](int64_t r, int64_t block) { return grid.at(parts[1].data, r, block, in); });
}

std::optional<GroupForm> NaiveQuantized::groups(int64_t, int64_t in) const {
  return groups_of(grid, in, code, zero_of(zeros));
}

void NaiveQuantized::repack(int64_t out, int64_t in, std::span<const Memory> held,
                            GroupRoom run) const {
  const auto* const from = held[0].as<const uint8_t>();
  const int offset = code == Code::int8 ? 128 : 0;  // the kernels' codes are not negative
  for (int64_t i = 0; i < out * in; ++i) run.codes[i] = static_cast<uint8_t>(from[i] + offset);
  if (all_0(zeros)) check_zeros(zeros, grid, 8, held[2].data, out, in);
  repack_scales(grid, held[1].data, out, in, run.scales);
  if (run.zeros) repack_zeros(zeros, grid, 8, held[2].data, out, in, offset, run.zeros);
}

void NaiveQuantized::pack(const Memory& weight, std::span<const Memory> parts) const {
  if (code != Code::int8 || zeros != Zeros::none || grid.number() != Number::single)
    throw strata::Failure(STRATA_UNIMPLEMENTED,
                          "ct-naive: weights are packed as int8 without zeros, with scales in "
                          "float32, only");
  constexpr float largest = 127;
  const auto out = weight.shape[0], in = weight.shape[1];
  auto* const codes = parts[0].as<int8_t>();
  auto* const scales = parts[1].as<float>();
  std::fill_n(scales, parts[1].elements(), 0.0F);
  over_elements(weight, [&](const auto* from) {
    const auto scale = [&](int64_t i) -> float& {
      return scales[grid.position(i / in, i % in / grid.columns(in), in)];
    };
    for (int64_t i = 0; i < out * in; ++i)
      scale(i) = std::max(scale(i), std::fabs(gguf::to_float(from[i])) / largest);
    for (int64_t i = 0; i < out * in; ++i) {
      const float number = scale(i) > 0 ? gguf::to_float(from[i]) / scale(i) : 0;
      codes[i] = static_cast<int8_t>(std::lrint(std::clamp(number, -largest, largest)));
    }
  });
}

}  // namespace compressed_tensors
