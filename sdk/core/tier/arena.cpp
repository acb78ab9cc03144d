#include "core/tier/arena.hpp"

#include <cstring>
#include <limits>
#include <numeric>
#include <string>

#include "core/error.hpp"

namespace strata::tier {
namespace {

constexpr std::uint64_t page = 4096;

Pages take(std::uint64_t bytes) {
  try {
    return Pages(bytes);
  } catch (const std::bad_alloc&) {
    throw Error("host memory", std::to_string(bytes) + " bytes refused",
                "lower the budget or free some memory");
  }
}

std::uint64_t rounded(std::uint64_t count, std::uint64_t chunk) {
  static constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  if (count == 0 || chunk == 0 || chunk > most - page || (chunk + page) > most / count)
    throw Error("staging ring",
                std::to_string(count) + " chunks of " + std::to_string(chunk) + " bytes",
                "at least one of each, and less than all memory");
  return (chunk + page - 1) / page * page;
}

}  // namespace

Arena::Arena(std::uint64_t bytes, Locked locked) : pages_(take(bytes)) {
  if (locked == Locked::no) return;
  if (const int error = pages_.lock())
    throw Error("host memory",
                std::to_string(bytes) + " bytes cannot be locked (" + std::strerror(error) + ")",
                "raise the locked-memory limit or use --offload cpu");
}

StagingRing::StagingRing(std::uint64_t count, std::uint64_t chunk, Locked locked)
    : chunk_(rounded(count, chunk)), arena_(count * chunk_, locked), taken_(count), rest_(count),
      free_(count) {
  std::iota(rest_.begin(), rest_.end(), std::size_t{0});
}

std::optional<std::size_t> StagingRing::acquire() {
  if (free_ == 0) return {};
  const auto index = rest_[head_];
  head_ = (head_ + 1) % rest_.size();
  --free_;
  taken_[index] = true;
  return index;
}

void StagingRing::release(std::size_t index) {
  if (index >= taken_.size() || !taken_[index])
    throw Error("staging ring", "chunk " + std::to_string(index) + " is not taken",
                "report this as a bug");
  taken_[index] = false;
  rest_[(head_ + free_) % rest_.size()] = index;
  ++free_;
}

std::span<std::byte> StagingRing::chunk(std::size_t index) const {
  return arena_.span().subspan(index * chunk_, chunk_);
}

}  // namespace strata::tier
