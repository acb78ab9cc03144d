// The uses of a training step, from which its plan is made.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/unit.hpp"
#include "core/zero/uses.hpp"

namespace strata::train {

// The number of host memories that gradients of later micro-batches take turns in, on their way to
// those of the first one.
inline constexpr uint32_t gradient_stagings = 4;

// A unit in training.
struct StepUnit {
  // table: the host looks it up; expert: its layer brings it, and the host updates it; products:
  // the weights of all low-rank products, which every other unit may use.
  enum class Part : uint8_t { embedding, body, head, table, expert, products };
  Part part = Part::body;
  zero::Object::Home weights = zero::Object::Home::tier;
  zero::Lane lane = zero::Lane::copy;  // that fetches its weights
  uint64_t stored = 0, run = 0;        // bytes of its weights, as zero::Object
  uint64_t input = 0;                  // bytes that are kept of its input; 0: none
  uint64_t gradient = 0;               // bytes of its gradient on the device; 0: it is frozen
  bool trained = false;                // the host, or the device, updates its weights
  // Bytes of its states on the device, where its gradient is summed and its weights, which are at
  // home in the arena, are updated; 0: all that is on the host.
  uint64_t states = 0;
  // The gradient of the first micro-batch too goes through a staging, as its dtype on the host
  // differs.
  bool staged = false;
  // Every one of several ranks has all of its weights and of its gradients' sum.
  bool whole = false;
};

// The part of a unit that a family declares.
StepUnit::Part part_of(const zero::Unit& unit);

struct StepShape {
  uint32_t micro_batches = 1;
  bool inputs_in_tier = false;  // kept inputs are stored in host memory, and fetched again
  bool early_updates = false;   // updates wait for no other gradient than their own
  uint64_t numbers = 0;         // bytes of a step's numbers, where units have states on the device
};

// Each micro-batch runs the units from the first to the last and reruns them from the head, whose
// rerun computes the loss too, to the first. Then the updates follow in the order of the next
// step's first use: the table, or the unit that holds it (`table`), goes first. Products are run
// before all other units, and rerun behind them. Where graphs are kept, the head alone has an
// input, and the rerun of another unit is the backward of its graph.
//
// With early_updates a unit is updated behind its last rerun, and its experts with it. The table,
// the unit of the embedding and a few others, evenly spread, still follow behind all reruns: these
// others leave the host work during the next forward, which takes a third of the backward's time.
// The late ones have a quarter of the weights at most, unless the table alone has more.
//
// With states on the device the norm of all gradients comes behind all reruns, then these units'
// updates, and then those that the host has left, which go on while the device computes. Experts of
// such a unit are late, too.
//
// The objects are the weights of all units, then their inputs, then their gradients; behind them
// the states that are on the device, and the numbers of their updates.
zero::Uses step_uses(std::span<const StepUnit> units, uint32_t table, const StepShape& shape);

// The uses of a forward pass over the same objects, whose last one scores the head's logits.
zero::Uses scoring_uses(std::span<const StepUnit> units);

}  // namespace strata::train
