#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/packed_memory.hpp"
#include "core/run/loader.hpp"
#include "core/source/dtype.hpp"
#include "core/zero/layout.hpp"

namespace strata::run {
namespace {

// Numbers of either sign and of sizes from 2^-7 to 2^-6, repeated over and over: as fast to make as
// to write, and small enough that no layer overflows.
std::vector<std::byte> pattern(strata_dtype dtype) {
  constexpr std::size_t count = 1 << 16;
  const uint32_t each = dtype.bits / 8u;
  const uint32_t mantissa = dtype.code == STRATA_BFLOAT ? 7 : each == 2 ? 10 : 23;
  const uint32_t exponent = mantissa == 10 ? 15 - 7 : 127 - 7;
  std::vector<std::byte> out(std::size_t{count} * each);
  uint64_t state = 0x9E3779B97F4A7C15;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto random = static_cast<uint32_t>(state >> 32);
    const uint32_t sign = random >> 31, fraction = random & ((1u << mantissa) - 1);
    const uint32_t bits = sign << (8 * each - 1) | exponent << mantissa | fraction;
    std::memcpy(out.data() + i * each, &bits, each);
  }
  return out;
}

// Fills memory with what repeats from byte `from` on.
void fill(std::byte* to, uint64_t bytes, const std::vector<std::byte>& with, uint64_t from = 0) {
  for (uint64_t at = 0; at < bytes;) {
    const auto within = (from + at) % with.size();
    const auto some = std::min<uint64_t>(with.size() - within, bytes - at);
    std::memcpy(to + at, with.data() + within, some);
    at += some;
  }
}

// The image of a unit: numbers of the run's dtype, and packed weights as their codec packs a row of
// such numbers, over and over. Where it packs none, their bytes are the numbers'.
class Image {
 public:
  Image(strata_dtype dtype, FindCodec codec) : numbers_(pattern(dtype)), codec_(std::move(codec)) {}

  const std::vector<std::byte>& numbers() const { return numbers_; }

  // Whether it has packed weights.
  static bool is_packed(const Target& target) {
    return std::ranges::any_of(target.unit->weights, [&](const zero::Weight& weight) {
      return weight.is_held() && !form_in(target, weight).dense();
    });
  }

  // Writes the target's bytes.
  void write(std::byte* to, const Target& target) {
    const auto from = target.part ? target.part->from : 0, bytes = target.bytes();
    fill(to, bytes, numbers_, from);
    for (const auto& weight : target.unit->weights) {
      const auto& form = form_in(target, weight);
      if (!weight.is_held() || form.dense()) continue;
      const auto& rows = rows_of(form, weight.shape.back());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto begin = form.at + form.parts[i].at;
        const auto end = begin + static_cast<uint64_t>(form.parts[i].shape[0]) * rows[i].size();
        const auto first = std::max(begin, from), last = std::min(end, from + bytes);
        if (first < last) fill(to + (first - from), last - first, rows[i], first - begin);
      }
    }
  }

 private:
  static const source::Form& form_in(const Target& target, const zero::Weight& weight) {
    return target.place.as_run || target.on_device() ? weight.run : weight.source.stored;
  }

  // One row of each part; none where the codec packs no rows of this form.
  const std::vector<std::vector<std::byte>>& rows_of(const source::Form& form, int64_t columns) {
    auto& out = rows_[{form.scheme, columns}];
    if (!out.empty() || !form.by_rows || !codec_) return out;
    try {
      const auto& codec = codec_(form.scheme);
      auto values = pattern(source::f32);
      std::vector<std::byte> row(static_cast<std::size_t>(columns) * sizeof(float));
      fill(row.data(), row.size(), values);
      const shape::Value weight{source::f32, {1, columns}};
      auto held = plugin::packed_memory(codec, weight, row.data());
      if (held.size() == form.parts.size()) out = std::move(held);
    } catch (const Error&) {  // it only unpacks
    }
    return out;
  }

  std::vector<std::byte> numbers_;
  FindCodec codec_;
  std::map<std::pair<std::string, int64_t>, std::vector<std::vector<std::byte>>> rows_;
};

}  // namespace

void fill_dummy(std::span<std::byte> memory, strata_dtype dtype) {
  fill(memory.data(), memory.size(), pattern(dtype));
}

void load_dummy(const std::vector<Target>& targets, strata_dtype dtype, const FindCodec& codec,
                const LoadParts& parts, const Progress& progress) {
  if (dtype.bits > 32)
    throw Error("--dummy", "weights of 64 bits", "use float32, bfloat16 or float16");
  Image image(dtype, codec);
  uint64_t done = 0, all = 0, occurrence = 0;
  for (const auto& target : targets) all += target.bytes();
  // Units without packed weights are equal from their beginning on.
  auto* filled = parts.outgoing.data();
  fill(filled, parts.outgoing.size(), image.numbers());
  for (const auto& target : targets) {
    const auto bytes = target.bytes();
    const bool own = target.part || Image::is_packed(target);
    const bool copied = target.on_device() && parts.separate_device;
    if (target.memory && !copied) {
      image.write(target.memory, target);
    } else {
      if (own) image.write(filled, target);
      if (!target.memory) {
        hand_over(target, parts.outgoing);
      } else {
        parts.device->copy(device::Lane::compute, target.memory, filled, bytes);
        parts.device->record(device::Lane::compute, parts.event, ++occurrence);
        parts.device->synchronize(parts.event, occurrence);
      }
      if (own) fill(filled, bytes, image.numbers());
    }
    if (progress) progress(done += bytes, all);
  }
}

}  // namespace strata::run
