#include "core/tier/route.hpp"

#include <algorithm>

#include "core/tier/client.hpp"

namespace strata::tier {
namespace {

constexpr uint64_t worth_reading_through =
    64 << 10;  // a gap shorter than this costs less than a request

struct Range {
  uint32_t file;
  uint64_t offset, bytes, to;
  bool operator==(const Range&) const = default;
};

uint64_t down(uint64_t at, uint64_t align) { return at / align * align; }
uint64_t up(uint64_t at, uint64_t align) { return down(at + align - 1, align); }

// The part of a weight within [from, to) of the form.
bool clip(Range& range, uint64_t from, uint64_t to) {
  const uint64_t begin = std::max(range.to, from), end = std::min(range.to + range.bytes, to);
  if (begin >= end) return false;
  range.offset += begin - range.to;
  range.bytes = end - begin;
  range.to = begin;
  return true;
}

}  // namespace

void add_range(Route& route, const Region& region, uint64_t offset, uint64_t bytes, uint64_t to,
               Grain grain) {
  while (bytes > 0) {
    auto* last = route.reads.empty() ? nullptr : &route.reads.back();
    const bool near = last && last->region == &region && offset >= last->offset &&
                      offset <= last->offset + last->bytes + worth_reading_through &&
                      offset < last->offset + grain.chunk;
    if (!near) {
      route.reads.push_back(
          {&region, down(offset, grain.align), 0, static_cast<uint32_t>(route.pieces.size()), 0});
      last = &route.reads.back();
    }
    const uint64_t n = std::min(bytes, last->offset + grain.chunk - offset);
    route.pieces.push_back({offset - last->offset, to, n});
    ++last->pieces;
    const uint64_t end = up(offset + n, grain.align) - last->offset;
    if (end > last->bytes) {
      const auto held = [&](uint64_t b) { return std::min(last->offset + b, region.bytes()); };
      route.bytes += held(end) - held(last->bytes);
      last->bytes = end;
    }
    offset += n;
    to += n;
    bytes -= n;
  }
}

Route file_route(const zero::Unit& unit, bool stored, std::span<const Region> files, Grain grain,
                 uint64_t from, uint64_t to) {
  std::vector<Range> ranges;
  for (const auto& weight : unit.weights) {
    const auto& whole = weight.source;
    const uint64_t place = stored ? whole.stored.at : weight.run.at;
    if (place == zero::not_held) continue;
    for (const auto& form : source::forms(whole)) {
      const auto held = place + (whole.pieces.empty() ? 0 : form.stored.at);
      for (const auto& part : form.stored.parts) {
        Range range{part.file.file, part.file.offset, part.file.bytes, held + part.at};
        if (clip(range, from, to)) ranges.push_back(range);
      }
    }
  }
  std::ranges::sort(ranges, [](const Range& a, const Range& b) {
    return a.file != b.file ? a.file < b.file : a.offset < b.offset;
  });
  // Weights that share their bytes are neighbors now.
  ranges.erase(std::unique(ranges.begin(), ranges.end()), ranges.end());
  Route route;
  for (const auto& range : ranges)
    add_range(route, files[range.file], range.offset, range.bytes, range.to, grain);
  return route;
}

Route packed_route(const Region& region, uint64_t offset, uint64_t bytes, Grain grain) {
  Route route;
  add_range(route, region, offset, bytes, 0, grain);
  return route;
}

}  // namespace strata::tier
