// The plan of a pass: its actions in order, their slots of the one arena, and the actions that each
// waits for. It is a value, made by a pure function; the executor only carries it out.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/device/lane.hpp"
#include "core/zero/placement.hpp"

namespace strata::zero {

using device::Lane, device::lanes;

enum class Kind : uint8_t { fetch, gather, expand, run, rerun, release };

// The stages of a unit that others wait for; each has an event.
enum class Stage : uint8_t { fetched, gathered, ready, released };
inline constexpr uint32_t stages = 4;

struct Wait {
  uint32_t unit = 0;
  Stage stage = Stage::fetched;
  bool operator==(const Wait&) const = default;
};

struct Action {
  Kind kind = Kind::run;
  Lane lane = Lane::compute;
  uint32_t unit = 0;
  std::vector<Wait> after;  // the latest occurrence of each, in issue order
};

// The place of a unit in the arena while it is there.
struct Slot {
  uint64_t offset = 0, bytes = 0;  // all of it; no bytes: the unit is not fetched
  uint64_t stored = 0;             // of the stored form, not_held if it is never there
  uint64_t run = 0;                // of the run form
  uint64_t gradients = not_held;   // of the gradients, in backward
};

// Equal slots for the experts that layers choose while they run, behind the ring.
struct ExpertSlots {
  uint64_t offset = 0, bytes = 0;  // of the first; of each, in both forms
  uint64_t run = 0;    // where in a slot the run form begins; the stored form at its beginning
  uint32_t count = 0;  // 0: no experts, or all are resident
};

enum class Mode : uint8_t {
  step,      // repeated: the tail of a pass fetches for the next one
  once,      // a single pass, nothing fetched beyond it
  backward,  // a single pass from the last unit to the first, with room for gradients
};

struct Plan {
  std::vector<Slot> slots;       // by unit
  std::vector<Action> prologue;  // before the first pass: the fetches that it expects under way
  std::vector<Action> pass;
  bool wraps = false;  // a pass issues the next one's first fetches; else each needs the prologue
  uint64_t arena = 0;  // bytes that it needs, residents included
  uint64_t fixed = 0;  // of these, residents: at the arena's beginning
  uint64_t moved = 0;  // bytes of slots fetched in one pass, by one rank; experts come beside them
  ExpertSlots experts;
};

// Plans a pass, with slots in a ring behind the residents: the deeper the ring, the earlier a fetch
// is issued. Experts take no part in it: they have slots of their own, two where there is room, or
// all the rest where nothing else streams. `file` says for each tier whether its fetches are reads
// of files (lane io) or copies; with `ranks` > 1 each fetch moves a shard and a gather completes
// it. Refuses a unit whose slot alone is more than the residents leave of `budget`, by name and
// with the bytes needed.
Plan plan_pass(std::span<const Unit> units, const Placement& placement,
               const std::vector<bool>& file, uint64_t budget, Mode mode, uint32_t ranks = 1);

// The smallest budget that plan_pass accepts.
uint64_t least_arena(std::span<const Unit> units, const Placement& placement, Mode mode,
                     uint32_t ranks = 1);

}  // namespace strata::zero
