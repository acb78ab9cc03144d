// The uses that a plan is made from: which unit runs when, and the objects that it needs on the
// device.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/device/lane.hpp"
#include "core/zero/placement.hpp"

namespace strata::zero {

using device::Lane, device::lanes;

// Something of a unit that is on the device while it is used.
struct Object {
  // states: a unit's master weights, moments and sum of gradients, which lane compute updates.
  // numbers: what these updates have in common in a step.
  enum class Kind : uint8_t { weights, input, gradient, states, numbers };
  // Where it is between its uses. arena: in a place of its own for the whole run. kept: in such a
  // place too, but fetched once a pass, after its update. packed: in such a place in its stored
  // form; each use has a slot for the other form, and no fetch. tier: away; each use has a slot for
  // it. elsewhere: never in the arena, as the weights of a second device.
  enum class Home : uint8_t { arena, kept, packed, tier, elsewhere };

  Kind kind = Kind::weights;
  uint32_t unit = 0;
  Home home = Home::tier;
  Lane lane = Lane::copy;  // that fetches it: copy, or io from a file
  // Bytes of the fetched form, where that is expanded into the other one; 0: it arrives as it is
  // used.
  uint64_t stored = 0;
  uint64_t run = 0;  // bytes of the form that is used
  // Each of several ranks fetches all of it, so that nothing is gathered.
  bool whole = false;
};

inline constexpr uint32_t no_object = ~uint32_t{0};

// One action of the computation, and the objects that it needs. run and rerun have one object of
// each kind at most; update reads a gradient and writes weights, both in the host's memory or both
// on the device. norm takes the norm of all gradients on the host and brings the numbers of the
// step, its `weights`, to the device.
struct Use {
  enum class Kind : uint8_t { run, rerun, update, norm };
  Kind kind = Kind::run;
  uint32_t unit = 0;
  uint32_t weights = no_object;
  uint32_t input = no_object;     // written by run, read by rerun
  uint32_t gradient = no_object;  // written by rerun
  // The number of the host memory that the gradient is stored to, of several that take turns;
  // no_object: the gradient has memory of its own.
  uint32_t staging = no_object;
  uint32_t micro_batch = 0;
  // The states are on the device: lane compute reduces the gradient of a rerun, and updates.
  bool on_device = false;
};

struct Uses {
  // The weights of unit u are the object u; other objects come behind them.
  std::vector<Object> objects;
  std::vector<Use> uses;
  bool experts = false;  // runs fetch more than a plan says: the experts that layers choose
};

// The uses of one pass over all units, in their order; the layers bring their experts themselves.
// `file` says for each tier whether its fetches are reads of files or copies.
Uses forward_uses(std::span<const Unit> units, const Placement& placement,
                  const std::vector<bool>& file);

}  // namespace strata::zero
