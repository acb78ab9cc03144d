#include "core/tier/ring.hpp"

#include <algorithm>
#include <array>

#include "core/plugin/host.hpp"

namespace strata::tier {
namespace {

constexpr uint64_t longest_transfer = 1u << 20;  // several at once keep a disk busy

std::byte* aligned(std::byte* memory, uint64_t align) {
  const auto beyond = reinterpret_cast<std::uintptr_t>(memory) % align;
  return beyond == 0 ? memory : memory + (align - beyond);
}

}  // namespace

Ring::Ring(Transfers& to, Tier& tier, uint64_t bytes, uint32_t slots)
    : to_(to), align_(tier.limits().align),
      longest_(std::min(tier.limits().max_io, std::max(longest_transfer, align_))),
      slot_bytes_(up(bytes)), arena_(slot_bytes_ * slots + align_),
      first_(aligned(arena_.data(), align_)), flying_(slots) {
  announced_.emplace_back(tier, std::span(first_, slot_bytes_ * slots),
                          strata_device{STRATA_CPU, 0});
}

Ring::~Ring() {
  try {
    for (const auto& count : flying_)
      while (count > 0) land();
  } catch (const std::exception&) {  // the tier broke off, which its user has seen
  }
}

uint32_t Ring::next() {
  const auto slot = turn_++ % static_cast<uint32_t>(flying_.size());
  wait(slot);
  return slot;
}

void Ring::start(uint32_t op, uint32_t slot, const Region& region, uint64_t offset, uint64_t bytes,
                 uint64_t from) {
  const plugin::ThreadRole role(STRATA_IO_THREAD);
  for (uint64_t at = 0; at < bytes;) {
    const auto part = std::min(longest_, bytes - at);
    const Transfer transfer{.op = op,
                            .region = &region,
                            .offset = offset + at,
                            .bytes = part,
                            .memory = memory(slot) + from + at,
                            .cookie = slot};
    if (to_.submit({&transfer, 1}) == 0) {
      land();
      continue;
    }
    ++flying_[slot];
    at += part;
  }
}

void Ring::wait(uint32_t slot) {
  while (flying_[slot] > 0) land();
  if (failure_) std::rethrow_exception(failure_);
}

void Ring::wait_all() {
  for (uint32_t slot = 0; slot < flying_.size(); ++slot) wait(slot);
}

void Ring::land() {
  const plugin::ThreadRole role(STRATA_IO_THREAD);
  std::array<Completion, 16> done{};
  const auto count = to_.poll(done, -1);
  for (std::size_t i = 0; i < count; ++i) {
    --flying_[done[i].cookie];
    if (done[i].error && !failure_) failure_ = done[i].error;
  }
}

}  // namespace strata::tier
