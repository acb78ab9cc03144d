#include "core/train/step_uses.hpp"

#include <strata/abi/model.h>

#include <algorithm>

namespace strata::train {
namespace {

using zero::Object, zero::Use, zero::Uses;
using Part = StepUnit::Part;

// Whether no use of the plan brings the unit to the device.
bool is_apart(const StepUnit& unit) {
  return unit.part == Part::table || unit.part == Part::expert;
}

// The unit of all products; behind the last one if there is none.
uint32_t products_in(std::span<const StepUnit> units) {
  return static_cast<uint32_t>(std::ranges::find(units, Part::products, &StepUnit::part) -
                               units.begin());
}

bool has_states(const StepUnit& unit) { return unit.states > 0; }

// The home of a unit's gradient. The sum on the device is the gradient itself, if it is only one.
Object::Home gradient_home(const StepUnit& unit, uint32_t micro_batches) {
  if (unit.gradient == 0) return Object::Home::elsewhere;
  return has_states(unit) && micro_batches == 1 ? Object::Home::arena : Object::Home::tier;
}

std::vector<Object> objects_of(std::span<const StepUnit> units, const StepShape& shape) {
  std::vector<Object> out;
  const auto count = static_cast<uint32_t>(units.size());
  for (uint32_t u = 0; u < count; ++u) {
    const auto& unit = units[u];
    const bool held = unit.run > 0 && !is_apart(unit);
    out.push_back({.unit = u,
                   .home = held ? unit.weights : Object::Home::elsewhere,
                   .lane = unit.lane,
                   .stored = unit.stored,
                   .run = unit.run,
                   .whole = unit.whole});
  }
  for (uint32_t u = 0; u < count; ++u) {
    // The head's input is used at once.
    const bool stored = shape.inputs_in_tier && units[u].part == Part::body;
    const auto input = stored ? Object::Home::tier : Object::Home::arena;
    out.push_back({.kind = Object::Kind::input,
                   .unit = u,
                   .home = units[u].input > 0 ? input : Object::Home::elsewhere,
                   .run = units[u].input});
  }
  for (uint32_t u = 0; u < count; ++u)
    out.push_back({.kind = Object::Kind::gradient,
                   .unit = u,
                   .home = gradient_home(units[u], shape.micro_batches),
                   .run = units[u].gradient,
                   .whole = units[u].whole});
  for (uint32_t u = 0; u < count; ++u)
    if (has_states(units[u]))
      out.push_back({.kind = Object::Kind::states,
                     .unit = u,
                     .home = Object::Home::arena,
                     .run = units[u].states});
  if (std::ranges::any_of(units, has_states))
    out.push_back(
        {.kind = Object::Kind::numbers, .home = Object::Home::arena, .run = shape.numbers});
  return out;
}

// The unit behind a unit and its experts.
uint32_t behind_experts(std::span<const StepUnit> units, uint32_t unit) {
  do ++unit;
  while (unit < units.size() && units[unit].part == Part::expert);
  return unit;
}

// By unit: whether its update follows behind all reruns. Units that are kept are late only where
// all are: their fetches would hold up those of the others. Those with states on the device wait
// for the norm, and their experts with them; the host has no work for them.
std::vector<bool> late_units(std::span<const StepUnit> units, uint32_t table) {
  std::vector<bool> out(units.size(), true);
  const auto bytes = [&](uint32_t unit) {
    return units[unit].trained && !has_states(units[unit]) ? units[unit].run : 0;
  };
  const bool all_kept = std::ranges::all_of(units, [](const StepUnit& unit) {
    return unit.part != Part::body || unit.weights == Object::Home::kept || has_states(unit);
  });
  uint64_t seen = table < units.size() ? bytes(table) : 0, late = seen;
  for (uint32_t u = 0; u < units.size();) {
    const auto& unit = units[u];
    const auto first = u;
    uint64_t some = 0;
    for (const auto end = behind_experts(units, u); u < end; ++u)
      if (u != table) some += bytes(u);
    seen += some;
    const bool is_able = all_kept || unit.weights != Object::Home::kept;
    const bool is_late = first == table || has_states(unit) ||
                         (unit.part != Part::body && unit.part != Part::head) ||
                         (unit.part == Part::body && is_able && 4 * (late + some) <= seen);
    if (is_late) late += some;
    std::fill(out.begin() + first, out.begin() + u, is_late);
  }
  return out;
}

class Builder {
 public:
  Builder(std::span<const StepUnit> units, Uses& out)
      : units_(units), out_(out), updated_(units.size()) {}

  void forward(uint32_t micro_batch) {
    if (const auto u = products_in(units_); u < count())
      out_.uses.push_back(
          {.kind = Use::Kind::run, .unit = u, .weights = u, .micro_batch = micro_batch});
    for (uint32_t u = 0; u < count(); ++u) {
      const auto part = units_[u].part;
      if (part == Part::head || part == Part::products || is_apart(units_[u])) continue;
      out_.uses.push_back({.kind = Use::Kind::run,
                           .unit = u,
                           .weights = u,
                           .input = units_[u].input > 0 ? count() + u : zero::no_object,
                           .micro_batch = micro_batch});
    }
  }

  // Units that are not late are updated within it.
  void backward(uint32_t micro_batch, const std::vector<bool>& late) {
    for (uint32_t u = count(); u-- > 0;) {
      if (units_[u].part == Part::products || is_apart(units_[u])) continue;
      rerun(u, micro_batch);
      for (auto of = u; !late[u] && of < behind_experts(units_, u); ++of) update(of);
    }
    if (const auto u = products_in(units_); u < count()) rerun(u, micro_batch);
  }

  void updates(uint32_t table) {
    if (std::ranges::any_of(units_, has_states)) {
      const auto numbers = static_cast<uint32_t>(out_.objects.size() - 1);
      out_.uses.push_back({.kind = Use::Kind::norm, .weights = numbers});
      for (uint32_t u = 0; u < count(); ++u)
        if (has_states(units_[u])) update(u);
    }
    if (table < count()) update(table);
    for (uint32_t u = 0; u < count(); ++u) update(u);
  }

 private:
  uint32_t count() const { return static_cast<uint32_t>(units_.size()); }

  void rerun(uint32_t unit, uint32_t micro_batch) {
    Use use{.kind = Use::Kind::rerun,
            .unit = unit,
            .weights = unit,
            .input = units_[unit].input > 0 ? count() + unit : zero::no_object,
            .micro_batch = micro_batch,
            .on_device = has_states(units_[unit])};
    if (units_[unit].gradient > 0) {
      use.gradient = 2 * count() + unit;
      if (!use.on_device && (micro_batch > 0 || units_[unit].staged))
        use.staging = staged_++ % gradient_stagings;
    }
    out_.uses.push_back(use);
  }

  void update(uint32_t unit) {
    if (!units_[unit].trained || updated_[unit]) return;
    updated_[unit] = true;
    out_.uses.push_back(
        {.kind = Use::Kind::update,
         .unit = unit,
         .weights = unit,
         .gradient = units_[unit].gradient > 0 ? 2 * count() + unit : zero::no_object,
         .on_device = has_states(units_[unit])});
  }

  std::span<const StepUnit> units_;
  Uses& out_;
  std::vector<bool> updated_;  // by unit
  uint32_t staged_ = 0;        // gradients so far
};

}  // namespace

StepUnit::Part part_of(const zero::Unit& unit) {
  if (unit.is_expert()) return Part::expert;
  switch (unit.kind) {
    case STRATA_UNIT_EMBEDDING:
      return Part::embedding;
    case STRATA_UNIT_HEAD:
      return Part::head;
    default:
      return Part::body;
  }
}

zero::Uses step_uses(std::span<const StepUnit> units, uint32_t table, const StepShape& shape) {
  Uses out{.objects = objects_of(units, shape), .uses = {}};
  out.experts = std::ranges::count(units, Part::expert, &StepUnit::part) > 0;
  Builder builder(units, out);
  const std::vector<bool> all(units.size(), true);
  for (uint32_t m = 0; m < shape.micro_batches; ++m) {
    const bool early = shape.early_updates && m + 1 == shape.micro_batches;
    builder.forward(m);
    builder.backward(m, early ? late_units(units, table) : all);
  }
  builder.updates(table);
  return out;
}

zero::Uses scoring_uses(std::span<const StepUnit> units) {
  Uses out{.objects = objects_of(units, {}), .uses = {}};
  for (auto& object : out.objects)
    if (object.kind != Object::Kind::weights && object.kind != Object::Kind::states)
      object.home = Object::Home::elsewhere;
  if (const auto u = products_in(units); u < units.size())
    out.uses.push_back({.kind = Use::Kind::run, .unit = u, .weights = u});
  for (uint32_t u = 0; u < units.size(); ++u)
    if (units[u].part != Part::products && !is_apart(units[u]))
      out.uses.push_back({.kind = Use::Kind::run, .unit = u, .weights = u});
  return out;
}

}  // namespace strata::train
