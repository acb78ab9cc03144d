#include "ct_weights/pack_quantized.hpp"

#include "ct_weights/transforms.hpp"

namespace compressed_tensors {
namespace {

struct Sides {
  int64_t out = 0, in = 0;
};

Sides sides_of(const Tensors& tensors, const strata::WeightTensor& shape) {
  const bool wide = shape.type == "I64";
  if (!shape.data || (!wide && shape.type != "I32") || shape.shape.size() != 1)
    throw tensors.unsupported(words_of(shape));
  if (shape.shape[0] != 2)
    throw tensors.unsupported("a weight with " + std::to_string(shape.shape[0]) + " dimensions");
  const auto side = [&](int64_t at) {
    const auto length =
        wide ? load<int64_t>(shape.data, at) : int64_t{load<int32_t>(shape.data, at)};
    if (length < 1 || length > longest)
      throw tensors.refused("weight_shape has the length " + std::to_string(length),
                            "fetch the checkpoint again");
    return length;
  };
  return {side(0), side(1)};
}

// "4, 8", or "4".
std::string bits_in(const std::vector<WeightSettings>& settings) {
  std::string out;
  for (const auto& one : settings) out += (out.empty() ? "" : ", ") + std::to_string(one.bits);
  return out;
}

// The bits of a code follow from the number of words, unless a row is shorter than 32 codes: then
// the configuration decides.
int64_t bits_of(const Tensors& tensors, const strata::WeightTensor& codes,
                const strata::WeightTensor& shape, Sides sides,
                const std::vector<WeightSettings>& settings) {
  std::vector<int64_t> stored, fitting;
  for (int64_t bits = 1; bits <= 8; ++bits) {
    const bool named = std::any_of(settings.begin(), settings.end(),
                                   [&](const auto& one) { return one.bits == bits; });
    if (codes.shape[1] != words_for(sides.in, bits)) continue;
    stored.push_back(bits);
    if (named || settings.empty()) fitting.push_back(bits);
  }
  if (codes.shape[0] != sides.out || stored.empty()) throw tensors.misfit(codes, shape);
  if (fitting.empty())
    throw tensors.contradicted(
        words_of(codes) + " has codes of " + std::to_string(stored.front()) + " bits",
        "num_bits is " + bits_in(settings));
  if (fitting.size() > 1)
    throw tensors.unsupported(words_of(codes) + ", whose bits the configuration leaves open,");
  return fitting.front();
}

Zeros zeros_of(const Tensors& tensors, const strata::WeightTensor& scale, const Grid& grid,
               int64_t bits, Sides sides, const std::vector<WeightSettings>& settings) {
  const auto* zero = tensors.find("weight_zero_point");
  if (!zero) {
    if (all_say(settings, [](const auto& one) { return !one.symmetric; }))
      throw tensors.refused(
          "weight_zero_point is missing or empty, and config.json's symmetric is false",
          "fetch the checkpoint again");
    return Zeros::none;
  }
  const auto zeros = zero->type == "I8" ? Zeros::bytes : Zeros::packed;
  if (zeros == Zeros::packed && zero->type != "I32") throw tensors.unsupported(words_of(*zero));
  const auto wanted = part_of(zeros, grid, bits, sides.out, sides.in).shape;
  if (!std::ranges::equal(wanted, zero->shape)) throw tensors.misfit(scale, *zero);
  return all_say(settings, is_symmetric) ? of_symmetric(zeros) : zeros;
}

// A row of one block has no order. A host gives no tensor without elements.
void need_order(const Tensors& tensors, const Grid& grid, int64_t in,
                const std::vector<WeightSettings>& settings) {
  if (grid.across(in) > 1 && all_say(settings, [](const auto& one) { return one.ordered; }))
    throw tensors.refused(
        "weight_g_idx is missing or empty, and config.json's actorder says that "
        "columns are in another order, which weight_g_idx names",
        "fetch the checkpoint again");
}

}  // namespace

std::optional<strata::PackedWeight> PackQuantized::recognize(const strata::Config* options,
                                                             const Tensors& tensors) {
  const auto method = method_of(options);
  const auto *codes = tensors.find("weight_packed", "I32"), *scale = tensors.find("weight_scale"),
             *shape = tensors.find("weight_shape"), *order = tensors.find("weight_g_idx");
  if (!codes || !scale || !shape || (!method.empty() && method != "compressed-tensors"))
    return std::nullopt;
  refuse_transforms(options, tensors);
  const auto sides = sides_of(tensors, *shape);
  tensors.need_matrix(*codes);
  auto settings = weight_settings(options);
  const auto bits = bits_of(tensors, *codes, *shape, sides, settings);
  std::erase_if(settings, [&](const auto& one) { return one.bits != bits; });
  const auto number = number_of_type(scale->type);
  if (!number || !is_float(*number)) throw tensors.unsupported(words_of(*scale));
  const auto grid = Grid::find(scale->shape, sides.out, sides.in, *number);
  if (!grid) throw tensors.misfit(*codes, *scale);
  const auto zeros = zeros_of(tensors, *scale, *grid, bits, sides, settings);
  if (order && (order->type != "I32" || order->shape.size() != 1 || order->shape[0] != sides.in))
    throw tensors.misfit(*codes, *order);
  if (!order) need_order(tensors, *grid, sides.in, settings);
  return strata::PackedWeight{"ct-pack " + std::to_string(bits) + " " + word_of(zeros) + " " +
                                  (order ? "1" : "0") + " " + (shape->type == "I64" ? "64" : "32") +
                                  " " + grid->words(),
                              {sides.out, sides.in},
                              type_of(*number).dtype};
}

std::vector<strata::Part> PackQuantized::parts(int64_t out, int64_t in) const {
  std::vector<strata::Part> all{
      {"weight_packed", int32, {out, words_for(in, bits)}},
      {"weight_scale", type_of(grid.number()).dtype, grid.shape(out, in)}};
  if (zeros != Zeros::none) all.push_back(part_of(zeros, grid, bits, out, in));
  all.push_back({"weight_shape", {STRATA_INT, static_cast<uint8_t>(shape_bits), 1}, {2}});
  if (ordered) all.push_back({"weight_g_idx", int32, {in}});
  return all;
}

namespace {

// The block of each column, or null where they lie in order: the package writes a negative block
// into such a tensor.
const int32_t* order_of(const Memory& part, int64_t blocks) {
  const auto* order = part.as<const int32_t>();
  const auto count = part.elements();
  if (std::any_of(order, order + count, [](int32_t block) { return block < 0; })) return nullptr;
  const auto* wrong =
      std::find_if(order, order + count, [&](auto block) { return block >= blocks; });
  if (wrong != order + count)
    throw strata::Failure(STRATA_INVALID, "weight_g_idx has the block " + std::to_string(*wrong) +
                                              ", and weight_scale has " + std::to_string(blocks) +
                                              " across");
  return order;
}

// Writes the codes of a row as floats.
void codes_of_row(const char* words, int64_t count, int64_t bits, float* to) {
  if (bits == 4) {
    for (int64_t c = 0; c < count; ++c)
      to[c] = static_cast<float>((words[c / 2] >> (c % 2 * 4) & 15) - 8);
  } else if (bits == 8) {
    for (int64_t c = 0; c < count; ++c)
      to[c] = static_cast<float>(static_cast<uint8_t>(words[c]) - 128);
  } else {
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<float>(packed_code(words, c, bits));
  }
}

}  // namespace

void PackQuantized::unpack(std::span<const Memory> parts, const Memory& weight) const {
  const auto in = weight.shape[1], words = words_for(in, bits);
  const auto* const codes = parts[0].as<const char>();
  const void* const zero = zeros == Zeros::none ? nullptr : parts[2].data;
  check_zeros(zeros, grid, bits, zero, weight.shape[0], in);
  fill(
      weight, grid.columns(in), grid.number(),
      [&](int64_t r, float* to) { codes_of_row(codes + r * words * 4, in, bits, to); },
      [&](int64_t r, int64_t block) {
        return static_cast<float>(zero_at(zeros, grid, bits, zero, r, block, in));
      },
      [&](int64_t r, int64_t block) { return grid.at(parts[1].data, r, block, in); },
      ordered ? order_of(parts.back(), grid.across(in)) : nullptr);
}

std::optional<GroupForm> PackQuantized::groups(int64_t, int64_t in) const {
  if (ordered) return std::nullopt;
  return groups_of(grid, in, bits <= 4 ? Code::int4 : Code::int8, zero_of(zeros));
}

void PackQuantized::repack(int64_t out, int64_t in, std::span<const Memory> held,
                           GroupRoom run) const {
  const auto words = words_for(in, bits), bytes = bits <= 4 ? (in + 1) / 2 : in;
  const int offset = bits <= 4 ? 8 : 128;
  for (int64_t r = 0; r < out; ++r) {
    const auto* const from = held[0].as<const char>() + r * words * 4;
    auto* const to = run.codes + r * bytes;
    const auto code = [&](int64_t c) {
      return c < in ? packed_code(from, c, bits) + offset : offset;
    };
    if (bits == 4 || bits == 8)
      std::memcpy(to, from, static_cast<std::size_t>(bytes));
    else if (bits < 4)
      for (int64_t i = 0; i < bytes; ++i)
        to[i] = static_cast<uint8_t>(code(2 * i) | code(2 * i + 1) << 4);
    else
      for (int64_t i = 0; i < bytes; ++i) to[i] = static_cast<uint8_t>(code(i));
  }
  if (all_0(zeros)) check_zeros(zeros, grid, bits, held[2].data, out, in);
  repack_scales(grid, held[1].data, out, in, run.scales);
  if (run.zeros) repack_zeros(zeros, grid, bits, held[2].data, out, in, offset, run.zeros);
}

}  // namespace compressed_tensors
