#include "bitsandbytes/four_bit.hpp"

#include <numeric>

#include "bitsandbytes/four_bit_state.hpp"
#include "packed/method.hpp"

namespace bitsandbytes {
namespace {

constexpr strata_dtype byte{STRATA_UINT, 8, 1}, single{STRATA_FLOAT, 32, 1};
constexpr int64_t numbers = 16, nested_numbers = 256;  // in the tables of codes of 4 and 8 bits
constexpr int64_t longest_state = 1 << 16;
constexpr int64_t shortest_group = 16;  // with shorter ones the scales outweigh the codes

// The types that a tensor of codes may be viewed as.
struct Storage {
  std::string_view type, word;
  strata_dtype dtype;
};
constexpr Storage storages[] = {{"U8", "u8", byte},
                                {"I8", "i8", {STRATA_INT, 8, 1}},
                                {"F16", "f16", {STRATA_FLOAT, 16, 1}},
                                {"BF16", "bf16", {STRATA_BFLOAT, 16, 1}},
                                {"F32", "f32", single}};

const Storage* storage_of_type(std::string_view type) {
  for (const auto& one : storages)
    if (one.type == type) return &one;
  return nullptr;
}

int64_t code_rows(int64_t elements, strata_dtype storage) {
  const auto codes = (elements + 1) / 2, bytes = int64_t{storage.bits} / 8;
  return (codes + bytes - 1) / bytes;
}

bool is(const strata::WeightTensor* tensor, std::string_view type,
        std::initializer_list<int64_t> shape) {
  return tensor && tensor->type == type && std::ranges::equal(tensor->shape, shape);
}

bool is_nf4_table(const strata::WeightTensor& map) {
  return map.data && std::memcmp(map.data, strata::kernels::nf4_numbers,
                                 sizeof(strata::kernels::nf4_numbers)) == 0;
}

void need_nested(const Tensors& tensors, const strata::WeightTensor& codes, const Nested& nested) {
  const auto *scales = tensors.find("nested_absmax"), *map = tensors.find("nested_quant_map");
  if (!scales || !map)
    throw tensors.refused("nested_absmax or nested_quant_map is missing",
                          "fetch the checkpoint again");
  if (!is(map, "F32", {nested_numbers})) throw tensors.misfit(codes, *map);
  if (!is(scales, "F32", {(codes.shape[0] + nested.block - 1) / nested.block}))
    throw tensors.misfit(codes, *scales);
}

std::string_view text_of(const Tensors& tensors, const strata::WeightTensor& state) {
  if (!state.data || state.type != "U8" || state.shape.size() != 1 || state.shape[0] < 1 ||
      state.shape[0] > longest_state)
    throw tensors.unsupported(words_of(state));
  return {static_cast<const char*>(state.data), static_cast<std::size_t>(state.shape[0])};
}

}  // namespace

std::optional<strata::PackedWeight> FourBit::recognize(const strata::Config* options,
                                                       const Tensors& tensors) {
  const auto method = method_of(options);
  const auto *weight = tensors.find("weight"), *scale = tensors.find("absmax"),
             *map = tensors.find("quant_map"), *given = tensors.find("quant_state");
  if (!weight || !scale || !map || !given || (!method.empty() && method != "bitsandbytes"))
    return std::nullopt;
  const FourBitState state(tensors, text_of(tensors, *given));
  const auto elements = state.out * state.in;
  const auto* storage = storage_of_type(weight->type);
  if (!storage) throw tensors.unsupported(words_of(*weight));
  if (!is(weight, weight->type, {code_rows(elements, storage->dtype), 1}))
    throw tensors.misfit(*weight, *given);
  if (!is(scale, state.nested ? "U8" : "F32", {(elements + state.block - 1) / state.block}))
    throw tensors.misfit(*weight, *scale);
  if (state.nested) need_nested(tensors, *scale, *state.nested);
  if (!state.nested && (tensors.find("nested_absmax") || tensors.find("nested_quant_map")))
    throw tensors.misfit(*scale, *given);
  if (!is(map, "F32", {numbers}) || (state.nf4 && !is_nf4_table(*map)))
    throw tensors.unsupported(words_of(*map) + " with other numbers than the package's");
  return strata::PackedWeight{std::string(keys[state.nf4 ? 0 : 1]) + " " +
                                  std::to_string(state.block) + " " + std::string(storage->word) +
                                  " " + std::string(type_of(state.made).word) + " " +
                                  std::to_string(given->shape[0]) + " " +
                                  std::to_string(state.nested.value_or(Nested{}).block),
                              {state.out, state.in},
                              type_of(state.made).dtype};
}

FourBit::FourBit(std::string_view key, Words& words)
    : nf4_(key == keys[0]),
      block_(words.integer(32, 4096)), storage_{}, made_{}, state_{}, nested_block_{} {
  const auto storage = words.word();
  for (const auto& one : storages)
    if (one.word == storage) storage_ = one.dtype;
  made_ = words.number();
  state_ = words.integer(1, longest_state);
  nested_block_ = words.integer(0, 4096);
  if (storage_.bits == 0 || !is_float(made_)) words.refuse();
}

std::vector<strata::Part> FourBit::parts(int64_t out, int64_t in) const {
  const auto count = blocks(out * in);
  std::vector<strata::Part> all{{"weight", storage_, {code_rows(out * in, storage_), 1}},
                                {"absmax", nested_block_ ? byte : single, {count}},
                                {"quant_map", single, {numbers}}};
  if (nested_block_) {
    all.push_back({"nested_absmax", single, {(count + nested_block_ - 1) / nested_block_}});
    all.push_back({"nested_quant_map", single, {nested_numbers}});
  }
  all.push_back({"quant_state", byte, {state_}});
  return all;
}

float FourBit::offset(std::span<const Memory> parts) const {
  if (!nested_block_) return 0;
  const std::string_view text(parts[5].as<const char>(), static_cast<std::size_t>(state_));
  const FourBitState state(Tensors("bitsandbytes", {}), text);
  return state.nested.value_or(Nested{}).offset;
}

float FourBit::magnitude(std::span<const Memory> parts, float offset, int64_t block) const {
  if (!nested_block_) return load<float>(parts[1].data, block);
  const auto code = load<uint8_t>(parts[1].data, block);
  const float scaled =
      load<float>(parts[4].data, code) * load<float>(parts[3].data, block / nested_block_);
  return scaled + offset;
}

void FourBit::unpack(std::span<const Memory> parts, const Memory& weight) const {
  const auto out = weight.shape[0], in = weight.shape[1];
  const auto* const codes = parts[0].as<const uint8_t>();
  const auto* const map = parts[2].as<const float>();
  const float nested_offset = offset(parts);
  std::vector<float> row(static_cast<std::size_t>(in));
  over_elements(weight, [&](auto* to) {
    for (int64_t first = 0; first < out * in; first += in, to += in) {
      for (auto i = first; i < first + in;) {
        const auto block = i / block_, end = std::min((block + 1) * block_, first + in);
        const float scale = magnitude(parts, nested_offset, block);
        for (; i < end; ++i)
          row[static_cast<std::size_t>(i - first)] =
              map[codes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15] * scale;
      }
      store_row(row.data(), in, made_, to);
    }
  });
}

// Blocks run over the ends of rows that are no whole blocks; groups do not, and are then as long as
// what divides both.
std::optional<GroupForm> FourBit::groups(int64_t, int64_t in) const {
  const auto group = std::gcd(block_, in);
  if (!nf4_ || in % 2 != 0 || (group < shortest_group && group != in)) return std::nullopt;
  return GroupForm{Code::nf4, Zero::none, single, group};
}

void FourBit::repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const {
  const auto* const from = held[0].as<const uint8_t>();
  for (int64_t i = 0; i < out * (in / 2); ++i)
    run.codes[i] = static_cast<uint8_t>(from[i] >> 4 | from[i] << 4);
  auto* to = static_cast<float*>(run.scales);
  const float nested_offset = offset(held);
  for (int64_t i = 0, group = std::gcd(block_, in); i < out * in; i += group)
    *to++ = magnitude(held, nested_offset, i / block_);
}

}  // namespace bitsandbytes
