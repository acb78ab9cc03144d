#include "ct_weights/float4.hpp"

#include "ct_weights/transforms.hpp"

namespace compressed_tensors {

std::optional<strata::PackedWeight> Float4::recognize(const strata::Config* options,
                                                      const Tensors& tensors) {
  const auto method = method_of(options);
  const auto *codes = tensors.find("weight_packed", "U8"), *scale = tensors.find("weight_scale"),
             *whole = tensors.find("weight_global_scale");
  if (!codes || !scale || (!method.empty() && method != "compressed-tensors")) return std::nullopt;
  refuse_transforms(options, tensors);
  tensors.need_matrix(*codes);
  if (codes->shape[1] > longest / 2) throw tensors.unsupported(words_of(*codes));
  const auto number = number_of_type(scale->type);
  if (number != Number::e4m3 && number != Number::exponent)
    throw tensors.unsupported(words_of(*scale));
  if (whole && (number != Number::e4m3 || whole->type != "F32" || whole->shape.size() != 1 ||
                whole->shape[0] != 1))
    throw tensors.unsupported(words_of(*whole) + " with " + words_of(*scale));
  if (!whole && number == Number::e4m3)
    throw tensors.refused("weight_global_scale is missing", "fetch the checkpoint again");
  const auto out = codes->shape[0], in = 2 * codes->shape[1];
  const auto grid = Grid::find(scale->shape, out, in, *number);
  const int64_t group = number == Number::e4m3 ? 16 : 32;
  if (!grid || grid->down(out) != out || scale->shape.size() != 2 || grid->columns(in) != group)
    throw tensors.misfit(*codes, *scale);
  return strata::PackedWeight{"ct-fp4 " + grid->words(), {out, in}, {STRATA_BFLOAT, 16, 1}};
}

std::vector<strata::Part> Float4::parts(int64_t out, int64_t in) const {
  if (in % 2 != 0)
    throw strata::Failure(STRATA_INVALID,
                          "ct-fp4: a row has an odd number of codes, " + std::to_string(in));
  std::vector<strata::Part> all{{"weight_packed", byte, {out, in / 2}},
                                {"weight_scale", byte, grid.shape(out, in)}};
  if (divided()) all.push_back({"weight_global_scale", {STRATA_FLOAT, 32, 1}, {1}});
  return all;
}

void Float4::unpack(std::span<const Memory> parts, const Memory& weight) const {
  const auto in = weight.shape[1];
  const auto* const codes = parts[0].as<const uint8_t>();
  fill(
      weight, grid.columns(in), Number::brain,
      [&](int64_t r, float* to) {
        const auto* const from = codes + r * (in / 2);
        for (int64_t c = 0; c < in; ++c)
          to[c] = strata::kernels::e2m1_numbers[from[c / 2] >> (c % 2 * 4) & 15];
      },
      [](int64_t, int64_t) { return 0.0F; },
      [&](int64_t r, int64_t block) { return scale_at(parts, r, block, in); });
}

float Float4::scale_at(std::span<const Memory> parts, int64_t row, int64_t block,
                       int64_t in) const {
  const float scale = grid.at(parts[1].data, row, block, in);
  return divided() ? scale / *parts[2].as<const float>() : scale;
}

std::optional<GroupForm> Float4::groups(int64_t, int64_t in) const {
  auto form = groups_of(grid, in, Code::e2m1, Zero::none);
  if (form && divided()) form->scale = {STRATA_FLOAT, 32, 1};
  return form;
}

void Float4::repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const {
  std::memcpy(run.codes, held[0].data, static_cast<std::size_t>(out * (in / 2)));
  if (!divided()) return repack_scales(grid, held[1].data, out, in, run.scales);
  auto* to = static_cast<float*>(run.scales);
  for (int64_t r = 0; r < out; ++r)
    for (int64_t block = 0; block < grid.across(in); ++block) *to++ = scale_at(held, r, block, in);
}

}  // namespace compressed_tensors
