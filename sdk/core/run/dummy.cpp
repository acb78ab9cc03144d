#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/run/loader.hpp"
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

}  // namespace

void fill_dummy(std::span<std::byte> memory, strata_dtype dtype) {
  fill(memory.data(), memory.size(), pattern(dtype));
}

void load_dummy(const std::vector<Target>& targets, strata_dtype dtype, const LoadParts& parts,
                const Progress& progress) {
  if (dtype.bits > 32)
    throw Error("--dummy", "weights of 64 bits", "use float32, bfloat16 or float16");
  const auto numbers = pattern(dtype);
  uint64_t done = 0, all = 0, occurrence = 0;
  for (const auto& target : targets) all += target.unit->run_bytes;
  auto* filled = parts.outgoing.data();
  fill(filled, parts.outgoing.size(), numbers);
  for (const auto& target : targets) {
    const auto bytes = target.part ? target.part->bytes : target.unit->run_bytes;
    const auto from = target.part ? target.part->from : 0;
    if (!target.memory) {
      if (target.part) fill(filled, bytes, numbers, from);
      hand_over(target, parts.outgoing);
      if (target.part) fill(filled, bytes, numbers);
    } else if (target.on_device() && parts.separate_device) {
      parts.device->copy(device::Lane::compute, target.memory, filled, bytes);
      parts.device->record(device::Lane::compute, parts.event, ++occurrence);
      parts.device->synchronize(parts.event, occurrence);
    } else {
      fill(target.memory, bytes, numbers, from);
    }
    if (progress) progress(done += bytes, all);
  }
}

}  // namespace strata::run
