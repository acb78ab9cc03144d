#include "core/run/packed.hpp"

#include <strata/abi/model.h>

#include <algorithm>

#include "core/dtype.hpp"
#include "core/run/compute.hpp"

namespace strata::run {
namespace {

// The parts of a weight's rows that move to their places together; 0: they are in their places.
uint32_t parts_of(const std::vector<source::Step>& steps) {
  if (const auto* step = source::find_step<source::Transpose>(steps)) return step->matrices;
  if (const auto* step = source::find_step<source::Reorder>(steps)) return step->blocks;
  const auto* step = source::find_step<source::Join>(steps);
  return step ? step->blocks : 0;
}

}  // namespace

bool stays_packed(const zero::Unit& unit) {
  const bool table = unit.kind == STRATA_UNIT_HEAD;
  return std::ranges::any_of(unit.weights, [&](const zero::Weight& weight) {
    const auto& source = weight.source;
    return source::in_blocks(source) &&
           (!table || (weight.role == STRATA_HEAD && source.stored.parts.size() == 1));
  });
}

uint64_t expansion_bytes(std::span<const zero::Unit> units, strata_dtype dtype,
                         bool separate_device) {
  const uint64_t element = element_bytes(dtype);
  uint64_t most = 0;
  for (const auto& unit : units)
    for (const auto& weight : unit.weights) {
      if (!source::in_blocks(weight.source)) continue;
      const auto parts = parts_of(weight.source.steps);
      const bool at_once = parts == 0;
      const bool shared = weight.source.step<source::Slice>();  // blocks are put together first
      if (at_once && !shared) continue;
      const auto each = (at_once ? 0 : element) + (shared ? 1 : 0);
      const auto elements = static_cast<uint64_t>(source::elements(weight.source));
      const auto rows = parts > 0 ? parts : static_cast<uint64_t>(weight.source.shape[0]);
      const auto some = separate_device ? between_on_gpu : between_on_cpu;
      most = std::max(most, std::min(elements, std::max(some, elements / rows)) * each);
    }
  return most;
}

}  // namespace strata::run
