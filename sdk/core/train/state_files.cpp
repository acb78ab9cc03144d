#include "core/train/state_files.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace strata::train {
namespace {

constexpr uint32_t slots = 3;  // that are read, used and written

uint64_t largest(std::span<const StateFiles::Unit> units) {
  uint64_t out = 1;
  for (const auto& unit : units) out = std::max(out, unit.elements);
  return out;
}

}  // namespace

StateFiles::StateFiles(tier::Tier& tier, std::vector<Unit> units, uint64_t bucket)
    : bucket_(std::min(bucket, largest(units))), exchange_(tier),
      passing_(exchange_.open_port(), tier, 3 * (bucket_ * sizeof(float) + tier.limits().align),
               slots),
      parts_(exchange_.open_port(), tier, bucket_ * sizeof(float) + tier.limits().align, 1) {
  uint64_t at = 0;
  for (const auto& unit : units) {
    Place place{.at = at, .elements = unit.elements, .arrays = unit.has_master ? 3u : 2u};
    for (uint64_t b = 0; b < buckets(place); ++b) at += place.arrays * part_bytes(count(place, b));
    places_.push_back(place);
  }
  if (at > 0) region_ = tier.new_region(at);
}

uint64_t StateFiles::count(const Place& place, uint64_t bucket) const {
  return std::min(bucket_, place.elements - bucket * bucket_);
}

Bucket StateFiles::bucket_in(uint32_t slot, const Place& place, uint64_t bucket,
                             uint32_t arrays) const {
  Bucket out{.first = bucket * bucket_, .count = count(place, bucket)};
  auto* at = passing_.memory(slot);
  const auto take = [&] {
    auto* here = reinterpret_cast<float*>(at);
    at += part_bytes(out.count);
    return here;
  };
  if (place.arrays == 3) out.master = take();
  if (arrays == 1) return out;
  out.moment1 = take();
  out.moment2 = take();
  return out;
}

// Reads the first `arrays` arrays of a bucket into the slot whose turn it is.
void StateFiles::start_read(uint32_t unit, uint64_t bucket, uint32_t arrays) {
  const auto& place = places_[unit];
  ahead_ = Ahead{.unit = unit, .slot = passing_.next(), .bucket = bucket};
  passing_.start(STRATA_READ, ahead_->slot, region_, offset(place, bucket),
                 arrays * part_bytes(count(place, bucket)));
}

void StateFiles::pass(uint32_t unit, uint32_t next, uint32_t arrays, bool writes, const Use& use) {
  const auto& place = places_[unit];
  const auto all = buckets(place);
  const bool going_on = next != no_unit && places_[next].elements > 0;
  for (uint64_t b = 0; b < all; ++b) {
    if (!ahead_ || ahead_->unit != unit || ahead_->bucket != b) start_read(unit, b, arrays);
    const auto slot = ahead_->slot;
    ahead_.reset();
    if (b + 1 < all)
      start_read(unit, b + 1, arrays);
    else if (going_on)
      start_read(next, 0, places_[next].arrays);
    passing_.wait(slot);
    use(bucket_in(slot, place, b, arrays));
    if (writes)
      passing_.start(STRATA_WRITE, slot, region_, offset(place, b),
                     arrays * part_bytes(count(place, b)));
  }
  for (uint32_t slot = 0; slot < slots; ++slot)
    if (!ahead_ || ahead_->slot != slot) passing_.wait(slot);
}

void StateFiles::update(uint32_t unit, uint32_t next, const Use& use) {
  pass(unit, next, places_[unit].arrays, true, use);
}

void StateFiles::masters(uint32_t unit, const Use& use) {
  if (places_[unit].arrays < 3)
    throw Error("states", "the master weights lie elsewhere", "this is a mistake in Strata");
  pass(unit, no_unit, 1, false, use);
}

void StateFiles::fill(uint32_t unit, const Use& use) {
  const auto& place = places_[unit];
  for (uint64_t b = 0; b < buckets(place); ++b) {
    const auto slot = passing_.next();
    use(bucket_in(slot, place, b, place.arrays));
    passing_.start(STRATA_WRITE, slot, region_, offset(place, b),
                   place.arrays * part_bytes(count(place, b)));
  }
  passing_.wait_all();
}

// Brings the aligned range around the elements of each bucket to memory, calls
// f(its elements, their number, how many came before), and writes the range back where `writes`.
template <class F>
void StateFiles::each_range(uint32_t unit, AdamState array, uint64_t first, uint64_t count,
                            bool writes, const F& f) {
  const auto& place = places_[unit];
  const auto number = static_cast<uint32_t>(array);
  if (first > place.elements || count > place.elements - first || number + place.arrays < 3)
    throw Error("states", "elements that are not there", "this is a mistake in Strata");
  for (uint64_t done = 0; done < count;) {
    const auto bucket = (first + done) / bucket_;
    const auto within = (first + done) % bucket_;
    const auto some = std::min(count - done, this->count(place, bucket) - within);
    const auto begin = within * sizeof(float) / parts_.align() * parts_.align();
    const auto bytes = parts_.up((within + some) * sizeof(float)) - begin;
    const auto at = offset(place, bucket) +
                    (number + place.arrays - 3) * part_bytes(this->count(place, bucket)) + begin;
    const auto slot = parts_.next();
    parts_.start(STRATA_READ, slot, region_, at, bytes);
    parts_.wait(slot);
    f(parts_.memory(slot) + (within * sizeof(float) - begin), some, done);
    if (writes) {
      parts_.start(STRATA_WRITE, slot, region_, at, bytes);
      parts_.wait(slot);
    }
    done += some;
  }
}

void StateFiles::read(uint32_t unit, AdamState array, uint64_t first, std::span<float> out) {
  each_range(unit, array, first, out.size(), false,
             [&](const std::byte* from, uint64_t count, uint64_t done) {
               std::memcpy(out.data() + done, from, count * sizeof(float));
             });
}

void StateFiles::write(uint32_t unit, AdamState array, uint64_t first,
                       std::span<const float> values) {
  each_range(unit, array, first, values.size(), true,
             [&](std::byte* to, uint64_t count, uint64_t done) {
               std::memcpy(to, values.data() + done, count * sizeof(float));
             });
}

}  // namespace strata::train
