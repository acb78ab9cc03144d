#include "bitsandbytes/int8.hpp"

#include <cmath>

#include "packed/method.hpp"

namespace bitsandbytes {
namespace {

constexpr float largest = 127, reciprocal = 1.0F / largest;

}  // namespace

std::optional<strata::PackedWeight> Int8::recognize(const strata::Config* options,
                                                    const Tensors& tensors) {
  const auto method = method_of(options);
  const auto *weight = tensors.find("weight", "I8"), *scale = tensors.find("SCB"),
             *format = tensors.find("weight_format");
  if (!weight || !scale || (!method.empty() && method != "bitsandbytes")) return std::nullopt;
  tensors.need_matrix(*weight);
  if (scale->type != "F32") throw tensors.unsupported(words_of(*scale));
  if (scale->shape.size() != 1 || scale->shape[0] != weight->shape[0])
    throw tensors.misfit(*weight, *scale);
  if (format && (format->type != "U8" || !format->shape.empty() || !format->data))
    throw tensors.unsupported(words_of(*format));
  if (format && load<uint8_t>(format->data, 0) != 0)  // 0 is "row"
    throw tensors.unsupported("the layout number " +
                              std::to_string(load<uint8_t>(format->data, 0)) + " in weight_format");
  return strata::PackedWeight{std::string("bnb-int8 ") + (format ? "1" : "0"),
                              {weight->shape.begin(), weight->shape.end()},
                              {STRATA_FLOAT, 16, 1}};
}

std::vector<strata::Part> Int8::parts(int64_t out, int64_t in) const {
  std::vector<strata::Part> all{{"weight", {STRATA_INT, 8, 1}, {out, in}},
                                {"SCB", {STRATA_FLOAT, 32, 1}, {out}}};
  if (formats) all.push_back({"weight_format", {STRATA_UINT, 8, 1}, {}});
  return all;
}

void Int8::unpack(std::span<const Memory> parts, const Memory& weight) const {
  const auto in = weight.shape[1];
  const auto* const codes = parts[0].as<const int8_t>();
  fill(
      weight, in, Number::single,
      [&](int64_t r, float* to) {
        const auto scale = load<float>(parts[1].data, r);
        for (int64_t c = 0; c < in; ++c) to[c] = static_cast<float>(codes[r * in + c]) * scale;
      },
      [](int64_t, int64_t) { return 0.0F; }, [](int64_t, int64_t) { return reciprocal; });
}

std::optional<GroupForm> Int8::groups(int64_t, int64_t in) const {
  return groups_of(Grid({1, 0}, 1, Number::single), in, Code::int8, Zero::none);
}

void Int8::repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const {
  const auto* const from = held[0].as<const uint8_t>();
  for (int64_t i = 0; i < out * in; ++i) run.codes[i] = static_cast<uint8_t>(from[i] ^ 0x80);
  for (int64_t r = 0; r < out; ++r)
    static_cast<float*>(run.scales)[r] = load<float>(held[1].data, r) * reciprocal;
}

void Int8::pack(const Memory& weight, std::span<const Memory> parts) const {
  const auto out = weight.shape[0], in = weight.shape[1];
  over_elements(weight, [&](const auto* from) {
    for (int64_t r = 0; r < out; ++r, from += in) {
      float most = 0;
      for (int64_t c = 0; c < in; ++c) most = std::max(most, std::fabs(gguf::to_float(from[c])));
      parts[1].as<float>()[r] = most;
      for (int64_t c = 0; c < in; ++c)
        parts[0].as<int8_t>()[r * in + c] = static_cast<int8_t>(
            most > 0 ? std::lrint(gguf::to_float(from[c]) * (largest / most)) : 0);
    }
  });
  if (formats) *parts[2].as<uint8_t>() = 0;
}

}  // namespace bitsandbytes
