// MXFP4 as safetensors files hold it. A weight [..,n] has two parts: the codes [..,n/2], two
// neighbours a byte with the first in its lower half, and the scales [..,n/32], exponents of 2 with
// a bias of 127. The format is OCP Microscaling Formats 1.0.
#include <algorithm>
#include <cmath>
#include <kernels/beside_groups.hpp>

#include "../gguf/exponent.hpp"
#include "block.hpp"
#include "kernels.hpp"

namespace {

using strata::Memory;

constexpr std::string_view scheme_name = "MXFP4_SPLIT";

strata::Failure refused(const std::string& what) {
  return {STRATA_INVALID, std::string(scheme_name) + ": " + what};
}
strata::Failure unimplemented(const std::string& why) {
  return {STRATA_UNIMPLEMENTED, std::string(scheme_name) + ": " + why};
}

// Calls f(T*, Element) for the dense weight's element type.
template <class F>
void over_elements(const Memory& weight, F&& f) {
  const auto [code, bits, lanes] = weight.dtype;
  using mxfp4::Element;
  if (lanes == 1 && code == STRATA_FLOAT && bits == 32)
    return f(weight.as<float>(), Element::single);
  if (lanes == 1 && code == STRATA_FLOAT && bits == 64)
    return f(weight.as<double>(), Element::twice);
  if (lanes == 1 && code == STRATA_FLOAT && bits == 16)
    return f(weight.as<gguf::Half>(), Element::half);
  if (lanes == 1 && code == STRATA_BFLOAT && bits == 16)
    return f(weight.as<gguf::Brain>(), Element::brain);
  throw refused("a dense weight is float16, bfloat16, float32 or float64");
}

template <class T>
void unpack_block(const uint8_t* codes, uint8_t scale, T* to) {
  const float half = mxfp4::half_scale(scale);
  for (int i = 0; i < mxfp4::bytes; ++i) {
    to[2 * i] = mxfp4::number<T>(codes[i] & 15, half);
    to[2 * i + 1] = mxfp4::number<T>(codes[i] >> 4, half);
  }
}

// Chooses the smallest scale in which no number exceeds the largest code, 6; then the nearest
// codes.
template <class T>
void pack_block(const T* from, uint8_t* codes, uint8_t& scale) {
  float most = 0;
  for (int i = 0; i < mxfp4::elements; ++i)
    most = std::max(most, std::fabs(gguf::to_float(from[i])));
  int exponent = 0;
  while (exponent < 254 && 12 * mxfp4::half_scale(static_cast<uint8_t>(exponent)) < most)
    ++exponent;
  scale = static_cast<uint8_t>(exponent);
  const float half = mxfp4::half_scale(scale);
  std::fill_n(codes, mxfp4::bytes, uint8_t{0});
  for (int i = 0; i < mxfp4::elements; ++i) {
    const float x = gguf::to_float(from[i]);
    int best = 0;
    for (int code = 1; code < 16; ++code)
      if (std::fabs(mxfp4::number<float>(code, half) - x) <
          std::fabs(mxfp4::number<float>(best, half) - x))
        best = code;
    codes[i / 2] = static_cast<uint8_t>(codes[i / 2] | best << (i % 2 * 4));
  }
}

// The codes and scales as files hold them.
class Split {
 public:
  static bool knows(std::string_view key) { return key == scheme_name; }
  explicit Split(std::string_view key) {
    if (!knows(key))
      throw strata::Failure(
          STRATA_INVALID,
          std::string(key) + ": no scheme of this codec: it knows " + std::string(scheme_name));
  }
  static std::string_view name() { return scheme_name; }

  std::vector<strata::Part> parts(std::span<const int64_t> shape) const {
    if (shape.empty() || shape.back() % mxfp4::elements != 0)
      throw refused("rows of " + std::to_string(shape.empty() ? 1 : shape.back()) +
                    " elements are no whole blocks of " + std::to_string(mxfp4::elements));
    std::vector<int64_t> codes(shape.begin(), shape.end()), scales = codes;
    codes.back() /= 2;
    scales.back() /= mxfp4::elements;
    const auto axis = shape.size() > 1 ? 0 : STRATA_NONE;
    return {{"codes", {STRATA_UINT, 8, 1}, std::move(codes), axis},
            {"scales", {STRATA_UINT, 8, 1}, std::move(scales), axis}};
  }

  void pack(const Memory& weight, std::span<const Memory> given) const {
    const auto blocks = count(weight, given);
    if (!weight.on_host() || !given[0].on_host() || !given[1].on_host())
      throw unimplemented("weights are packed in host memory only");
    over_elements(weight, [&](const auto* from, mxfp4::Element) {
      for (int64_t i = 0; i < blocks; ++i)
        pack_block(from + i * mxfp4::elements, given[0].as<uint8_t>() + i * mxfp4::bytes,
                   given[1].as<uint8_t>()[i]);
    });
  }

  void unpack(const strata_call& call, std::span<const Memory> given, const Memory& weight) const {
    const auto blocks = count(weight, given);
    if (!weight.on_host() || !given[0].on_host() || !given[1].on_host())
      return unpack_there(call, given, weight, blocks);
    over_elements(weight, [&](auto* to, mxfp4::Element) {
      for (int64_t i = 0; i < blocks; ++i)
        unpack_block(given[0].as<const uint8_t>() + i * mxfp4::bytes,
                     given[1].as<const uint8_t>()[i], to + i * mxfp4::elements);
    });
  }

  static bool unpacks(strata_device device) {
    return device.type == STRATA_CUDA && mxfp4::unpacks_on_device();
  }

  // The codes are those of groups, and lie in the same order.
  static std::optional<strata::kernels::GroupForm> groups(strata_device) {
    using namespace strata::kernels;
    return GroupForm{Code::e2m1, Zero::none, {STRATA_BFLOAT, 16, 1}, mxfp4::elements};
  }
  void regroup(const strata_call& call, std::span<const int64_t> shape,
               std::span<const Memory> held, std::span<const Memory> run) const {
    const auto blocks = count({.shape = shape}, held);
    if (!run[0].on_host()) {
      const mxfp4::OnDevice work{.blocks = blocks,
                                 .codes = held[0].data,
                                 .scales = held[1].data,
                                 .to = run[0].data,
                                 .device = run[0].device.id,
                                 .stream = call.stream};
      if (const char* why = mxfp4::regroup_on_device(work, run[1].data)) throw unimplemented(why);
      return;
    }
    std::copy_n(held[0].as<const uint8_t>(), blocks * mxfp4::bytes, run[0].as<uint8_t>());
    std::transform(held[1].as<const uint8_t>(), held[1].as<const uint8_t>() + blocks,
                   run[1].as<gguf::Brain>(), gguf::power_of_two);
  }

 private:
  // The number of the weight's blocks; throws unless the parts hold exactly as many.
  int64_t count(const Memory& weight, std::span<const Memory> given) const {
    parts(weight.shape);
    const auto blocks = weight.elements() / mxfp4::elements;
    if (given.size() != 2 || given[0].dtype.bits != 8 || given[1].dtype.bits != 8 ||
        given[0].elements() != blocks * mxfp4::bytes || given[1].elements() != blocks)
      throw refused("the parts are not the weight's codes and scales");
    return blocks;
  }

  void unpack_there(const strata_call& call, std::span<const Memory> given, const Memory& weight,
                    int64_t blocks) const {
    const auto [type, id] = weight.device;
    for (const auto& part : given)
      if (type != STRATA_CUDA || part.device.type != type || part.device.id != id)
        throw unimplemented("parts and weight are not on one GPU");
    mxfp4::OnDevice work{.blocks = blocks,
                         .codes = given[0].data,
                         .scales = given[1].data,
                         .to = weight.data,
                         .device = id,
                         .stream = call.stream};
    over_elements(weight, [&](auto*, mxfp4::Element element) { work.element = element; });
    if (const char* why = mxfp4::unpack_on_device(work)) throw unimplemented(why);
  }
};

}  // namespace

using Mxfp4Codec = strata::kernels::BesideGroups<Split>;

STRATA_QUANT_PLUGIN(Mxfp4Codec, "mxfp4", "1.0.0");
