// The plan of a pass: its actions in order, their slots of the one arena, and the actions that each
// waits for. It is a value, made by a pure function; the executor only carries it out.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/uses.hpp"

namespace strata::zero {

// scatter adds the gradients of all ranks, of which each has its part then. store copies an object
// back to the host's memory, reduce adds a gradient to those of earlier micro-batches, update makes
// new weights from the gradient, or the numbers of a step from the norm. Lane host does the last
// two, or lane compute where the states are on the device.
enum class Kind : uint8_t {
  fetch,
  gather,
  expand,
  run,
  rerun,
  release,
  scatter,
  store,
  reduce,
  update
};

// The stages of an object that others wait for; each has an event.
enum class Stage : uint8_t {
  fetched,
  gathered,
  ready,
  released,
  scattered,
  stored,
  reduced,
  updated
};
inline constexpr uint32_t stages = 8;

struct Wait {
  uint32_t object = 0;
  Stage stage = Stage::fetched;
  bool operator==(const Wait&) const = default;
};

struct Action {
  Kind kind = Kind::run;
  Lane lane = Lane::compute;
  uint32_t unit = 0;
  uint32_t object = 0;      // that it moves or changes; the weights, of run and rerun
  uint32_t use = 0;         // index into Plan::uses, and of its slot
  std::vector<Wait> after;  // the latest occurrence of each, in issue order
};

// The places of a use's objects in the arena, while they are there. not_held: the use has no such
// object, or not in that form.
struct Slot {
  uint64_t offset = 0, bytes = 0;  // of what the ring holds for this use; no bytes: nothing
  uint64_t stored = not_held;      // of the weights in their stored form
  uint64_t run = not_held;         // of the weights in their run form
  uint64_t input = not_held;
  uint64_t gradient = not_held;
  // Weights that are still there from an earlier use are not brought again, and only the last of
  // such uses releases them.
  bool brings = false, releases = false;
};

// Equal slots for the experts that layers choose while they run, behind the ring.
struct ExpertSlots {
  uint64_t offset = 0, bytes = 0;  // of the first; of each, in both forms
  uint64_t run = 0;    // where in a slot the run form begins; the stored form at its beginning
  uint32_t count = 0;  // 0: no experts, or all are resident
};

enum class Mode : uint8_t {
  step,  // repeated: the tail of a pass fetches for the next one
  once,  // a single pass, nothing fetched beyond it
};

struct Plan {
  std::vector<Object> objects;
  std::vector<Use> uses;
  std::vector<Slot> slots;       // by use
  std::vector<uint64_t> homes;   // by object: its own place in the arena, or not_held
  std::vector<Action> prologue;  // before the first pass: the fetches that it expects under way
  std::vector<Action> pass;
  bool wraps = false;  // a pass issues the next one's first fetches; else each needs the prologue
  uint64_t arena = 0;  // bytes that it needs, those with a place of their own included
  uint64_t fixed = 0;  // of these, objects with a place of their own: at the arena's beginning
  uint64_t moved = 0;  // bytes of slots fetched in one pass, by one rank; experts come beside them
  uint64_t gathered = 0;  // bytes that one rank gets from the others for them
  ExpertSlots experts;
};

// Plans a pass over the uses, with slots in a ring behind the objects that have places of their
// own: the deeper the ring, the earlier a fetch is issued. `experts` is what expert_slots gives: at
// most two where others stream, or all the rest of the arena. With `ranks` > 1 each fetch of
// weights moves a shard and a gather completes it, and a gradient is scattered before it is stored
// or reduced; with `group_of_one` one rank's are gathered and scattered, too. Refuses a use whose
// slot alone is more than the others leave of `budget`, by its unit's name and with the bytes
// needed.
Plan plan_uses(Uses uses, std::span<const Unit> units, ExpertSlots experts, uint64_t budget,
               Mode mode, uint32_t ranks = 1, bool group_of_one = false);

// Plans a pass over all units in their order. `file` says for each tier whether its fetches are
// reads of files or copies.
Plan plan_pass(std::span<const Unit> units, const Placement& placement,
               const std::vector<bool>& file, uint64_t budget, Mode mode, uint32_t ranks = 1,
               bool group_of_one = false);

// The smallest budget that plan_uses accepts.
uint64_t least_arena(const Uses& uses, const ExpertSlots& experts, uint32_t ranks = 1);
// The smallest budget that plan_pass accepts.
uint64_t least_arena(std::span<const Unit> units, const Placement& placement, uint32_t ranks = 1);

// The least that an arena has room for.
struct LeastArena {
  uint64_t fixed = 0;  // objects with places of their own
  uint64_t slot = 0;   // the largest slot of the ring
  uint64_t bytes() const { return fixed + slot; }
};

// Element n is the least where the weights of the last n units are as in `kept` and those of others
// as in `away`. Both have the same uses, and the same objects but for the homes of weights.
std::vector<LeastArena> least_by_kept(const Uses& away, const Uses& kept, uint32_t ranks = 1);

// As many slots as there are streamed experts; they have no place yet.
ExpertSlots expert_slots(std::span<const Unit> units, const Placement& placement, uint32_t ranks);

}  // namespace strata::zero
