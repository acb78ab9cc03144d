#include "core/train/prepare.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/pages.hpp"
#include "core/run/packed.hpp"
#include "core/size_text.hpp"
#include "core/train/activations.hpp"
#include "core/train/device_places.hpp"
#include "core/train/lay_out.hpp"
#include "core/train/product_unit.hpp"
#include "core/train/share_out.hpp"
#include "core/train/state_kernels.hpp"
#include "core/zero/shard.hpp"

namespace strata::train {
namespace {

using Home = zero::Object::Home;
using Part = StepUnit::Part;

constexpr uint32_t least_slots = 2, most_slots = 8;  // of experts

class Preparation {
 public:
  Preparation(const run::Model& model, const TrainingRequest& request)
      : model_(model), request_(request), inputs_in_tier_(request.inputs_in_tier) {}

  TrainingPlan run() {
    lay_out_training(model_, request_, out_);
    choose_states();
    share_out(request_, out_);
    count_host();
    size_slots();
    measure();
    if (!request_.device_memory) {
      add_slots(most_slots - least_slots);
      settle(0);
      const auto least = least_arena();
      // A ring of two of the largest slots.
      const auto fixed = own_places();
      plan_within(fixed + 2 * (least - fixed));
      return std::move(out_);
    }
    const auto beside = out_.activation_bytes + out_.rows_bytes + out_.exchange_bytes +
                        slots_bytes() + request_.library_bytes;
    const auto budget = *request_.device_memory;
    uint64_t arena = budget > beside ? (budget - beside) / page * page : 0;
    settle(0);
    if (const auto least = least_arena(); least > arena) {
      // Stored inputs need slots instead of places of their own.
      if (std::exchange(inputs_in_tier_, true)) refuse(beside + least);
      settle(0);
      if (least_arena() > arena) refuse(beside + std::min(least, least_arena()));
    }
    // More slots take a small part of what is not needed.
    if (out_.experts.count > 0)
      arena -= add_slots((arena - least_arena()) / 8 / out_.experts.bytes);
    if (request_.fill_device) keep_most(arena);
    plan_within(arena);
    return std::move(out_);
  }

 private:
  bool frozen() const { return !request_.products.all.empty(); }

  // Takes units in the order of the forward while that brings the share nearer to the one that is
  // asked for.
  void choose_states() {
    if (request_.device_share <= 0 || frozen()) return;
    double all = 0, taken = 0;
    for (const auto& flat : out_.flats) all += static_cast<double>(flat.elements);
    const double wanted = request_.device_share * all;
    std::vector<bool> chosen(out_.units.size(), false);
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      const auto part = part_in_step(u);
      const bool movable = (part == Part::body || part == Part::head) && u != out_.table_unit;
      const auto more = static_cast<double>(out_.flats[u].elements);
      if (!movable || more == 0) continue;
      if (std::abs(taken + more - wanted) >= std::abs(taken - wanted)) continue;
      chosen[u] = true;
      taken += more;
    }
    if (taken == 0) return;
    for (std::size_t u = 0; u < chosen.size(); ++u)
      if (chosen[u]) out_.device_states += states_bytes(u);
    out_.states_on_device = std::move(chosen);
  }

  bool on_device(std::size_t u) const { return out_.on_device(static_cast<uint32_t>(u)); }

  uint64_t states_bytes(std::size_t u) const {
    return device_places(out_.units[u], out_.flats[u], request_.micro_batches).bytes;
  }

  // Whether some weights stay in the arena from their loading on.
  bool has_residents() const { return frozen() || !out_.states_on_device.empty(); }

  // Bytes of a row of the embedding's table, in any of the forms in which it is looked up.
  uint64_t row_bytes() const {
    uint64_t most = 0;
    for (const auto& weight : out_.units.front().weights)
      if (!weight.is_held())
        most = std::max({most, weight.run.bytes, frozen() ? weight.source.stored.bytes : 0});
    return most;
  }

  bool is_own_table(std::size_t u) const { return u == out_.table_unit && !out_.tied; }

  // Whether a unit's gradient changes its dtype on the host, which adds it up in float32.
  bool is_staged(std::size_t u) const {
    return !same(request_.reduce, held_gradient(request_, u == out_.table_unit));
  }

  uint64_t gradient_bytes(std::size_t u) const {
    return train::gradient_bytes(out_, request_, static_cast<uint32_t>(u));
  }

  // The bytes of the arena that loading a unit takes beside it: its stored form, and its other.
  uint64_t scratch_of(std::size_t u) const {
    if (!model_.checkpoint || u == out_.product_unit) return 0;
    const auto& unit = frozen() ? out_.units[u] : out_.masters[u];
    if (!unit.expands) return 0;
    const bool both = request_.separate_device && unit.as_run;
    return pages(unit.stored_bytes) + (both ? pages(unit.run_bytes) : 0);
  }

  void count_host() {
    out_.input_bytes =
        pages(static_cast<uint64_t>(request_.tokens * out_.hidden) * element_bytes(request_.dtype));
    uint64_t largest_expert = 0, stagings = 0;
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      const auto& flat = out_.flats[u];
      const auto own = out_.shares[u].count;
      out_.scratch_bytes = std::max(out_.scratch_bytes, scratch_of(u));
      if (on_device(u)) continue;
      out_.state_bytes += states_of(request_.rule, out_.units[u], flat, own).bytes;
      if (has_own_masters(request_, out_.units[u], flat))
        out_.state_bytes += pages(own * sizeof(float));
      const auto arriving = pages(arriving_bytes(out_, request_, static_cast<uint32_t>(u)));
      out_.gradient_bytes += is_staged(u) ? pages(own * sizeof(float)) : arriving;
      if (is_staged(u) && !is_own_table(u)) ++stagings;
      if (out_.units[u].is_expert())
        largest_expert = std::max(largest_expert, pages(gradient_bytes(u)));
      else
        out_.largest_gradient = std::max(out_.largest_gradient, arriving);
    }
    if (request_.micro_batches > 1)
      out_.gradient_bytes +=
          gradient_stagings * out_.largest_gradient + expert_stagings * largest_expert;
    else
      out_.gradient_bytes += stagings * out_.largest_gradient;
    out_.rows_bytes = pages(static_cast<uint64_t>(request_.tokens) * row_bytes());
  }

  void size_slots() {
    auto& slots = out_.experts;
    uint64_t behind = 0;  // the gradient, or the stored form
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      const auto& unit = out_.units[u];
      if (!unit.is_expert()) continue;
      ++experts_;
      slots.gradient = std::max(slots.gradient, pages(gathered(u, unit.run_bytes)));
      behind = std::max(behind, frozen() ? (unit.as_run ? 0 : pages(gathered(u, unit.stored_bytes)))
                                         : pages(gradient_bytes(u)));
    }
    slots.stored = slots.gradient;
    slots.bytes = slots.gradient + behind;
    if (frozen()) slots.gradient = slots.bytes;
    slots.count = experts_ > 0 ? least_slots : 0;
  }

  // The bytes of a unit's form on the device: of all shards, where ranks cut it.
  uint64_t gathered(std::size_t u, uint64_t bytes) const {
    return out_.shares[u].whole ? bytes : request_.ranks * zero::shard_bytes(bytes, request_.ranks);
  }

  uint64_t slots_bytes() const { return out_.experts.count * out_.experts.bytes; }

  // Adds so many slots at most; returns their bytes.
  uint64_t add_slots(uint64_t more) {
    const auto before = slots_bytes();
    auto& count = out_.experts.count;
    const auto most = std::max(count, std::min(most_slots, experts_));
    count += static_cast<uint32_t>(std::min<uint64_t>(more, most - count));
    return slots_bytes() - before;
  }

  // Measures the activations, and what expanding packed weights holds.
  void measure() {
    auto measured = measure_activations(model_, request_, out_);
    out_.flops = std::move(measured.flops);
    out_.top_k = std::move(measured.top_k);
    // The trainer has a copy of the embedding's rows.
    out_.activation_bytes =
        pages(request_.keep_graphs ? measured.graphs : measured.most) + out_.rows_bytes;
    if (!frozen()) return;
    // The sums of the products' gradients are the trainer's too.
    const std::span units(out_.units.data(), out_.product_unit);
    out_.activation_bytes +=
        pages(out_.units[out_.product_unit].run_bytes) +
        pages(run::expansion_bytes(units, request_.dtype, request_.separate_device));
  }

  // The part of a unit in a step, and where its weights are between their uses.
  Part part_in_step(std::size_t u) const {
    if (u == out_.product_unit) return Part::products;
    return is_own_table(u) ? Part::table : part_of(out_.units[u]);
  }

  Home home_of(std::size_t u) const {
    if (u == out_.product_unit) return Home::kept;
    if (on_device(u)) return Home::arena;
    // Rows of a table are looked up in host memory.
    if (u < kept_from_ || (frozen() && u == out_.table_unit)) return Home::tier;
    if (!frozen()) return Home::kept;
    return packs_ && !out_.units[u].as_run ? Home::packed : Home::arena;
  }

  std::vector<StepUnit> step_units() const {
    std::vector<StepUnit> out;
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      const bool resident = home_of(u) == Home::arena;
      StepUnit unit{.part = part_in_step(u),
                    .weights = home_of(u),
                    .lane = reads_weights(out_, request_, static_cast<uint32_t>(u))
                                ? zero::Lane::io
                                : zero::Lane::copy,
                    .stored = out_.units[u].as_run || resident ? 0 : out_.units[u].stored_bytes,
                    .run = out_.units[u].run_bytes,
                    .trained = !frozen() || u == out_.product_unit};
      if ((unit.part == Part::body && !request_.keep_graphs) || unit.part == Part::head)
        unit.input = out_.input_bytes;
      if (unit.part != Part::table && unit.part != Part::expert) {
        unit.gradient = gradient_bytes(u);
        unit.staged = is_staged(u);
      }
      if (on_device(u)) unit.states = states_bytes(u);
      unit.whole = out_.shares[u].whole;
      out.push_back(unit);
    }
    return out;
  }

  // Makes the uses, with the weights from unit `kept_from` on kept on the device during a step.
  void settle(std::size_t kept) {
    kept_from_ = out_.units.size() - kept;
    const auto units = step_units();
    const auto table = out_.table_unit;
    step_ = step_uses(units, table,
                      {.micro_batches = request_.micro_batches,
                       .inputs_in_tier = inputs_in_tier_,
                       .early_updates = request_.early_updates,
                       .numbers = sizeof(UpdateNumbers)});
    scoring_ = scoring_uses(units);
  }

  uint64_t least_arena() const {
    return std::max({zero::least_arena(step_, {}, request_.ranks),
                     zero::least_arena(scoring_, {}, request_.ranks),
                     out_.scratch_bytes + (has_residents() ? own_places() : 0)});
  }

  uint64_t own_places() const {
    zero::Uses alone{.objects = step_.objects, .uses = {}};
    return zero::least_arena(alone, {}, request_.ranks);
  }

  // Frozen units stay on a device of their own in blocks, where not all have room in the run form:
  // expanding them for each use takes less time than fetching the others. On a CPU it takes more.
  void keep_most(uint64_t arena) {
    auto kept = most_kept(arena);
    if (frozen() && request_.separate_device && kept < out_.units.size()) {
      packs_ = true;
      const auto more = most_kept(arena);
      packs_ = more > kept;
      kept = std::max(kept, more);
    }
    settle(kept);
  }

  // As many units as leave a ring of two of the largest slots.
  std::size_t most_kept(uint64_t arena) {
    settle(0);
    const auto step = step_, scoring = scoring_;
    settle(out_.units.size());
    const auto steps = zero::least_by_kept(step, step_, request_.ranks),
               scorings = zero::least_by_kept(scoring, scoring_, request_.ranks);
    std::size_t kept = 0;
    for (std::size_t more = 1; more < steps.size(); ++more) {
      const auto fixed = steps[more].fixed;
      const auto least = std::max({steps[more].bytes(), scorings[more].bytes(),
                                   out_.scratch_bytes + (has_residents() ? fixed : 0)});
      if (fixed + 2 * (least - fixed) > arena) break;
      kept = more;
    }
    return kept;
  }

  void plan_within(uint64_t arena) {
    const auto plan = [&](const zero::Uses& uses, zero::Mode mode) {
      return zero::plan_uses(uses, out_.units, {}, arena, mode, request_.ranks,
                             request_.group_of_one);
    };
    out_.step = plan(step_, zero::Mode::step);
    out_.scoring = plan(scoring_, zero::Mode::once);
    place_weights();
    out_.experts.offset = pages(
        std::max({out_.step.arena, out_.scoring.arena, out_.scratch_at() + out_.scratch_bytes}));
    out_.arena_bytes = out_.experts.offset + slots_bytes() + out_.exchange_bytes + out_.rows_bytes;
    if (inputs_in_tier_ && !request_.keep_graphs)
      for (std::size_t u = 0; u < out_.units.size(); ++u)
        if (part_in_step(u) == Part::body) out_.stored_inputs += out_.input_bytes;
    out_.device_bytes = out_.arena_bytes + out_.activation_bytes + request_.library_bytes;
  }

  // Resident units have the same places in both plans, which give them out in the units' order.
  void place_weights() {
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      auto& place = out_.placement[u];
      const auto home = out_.step.objects[u].home;
      if (home == Home::arena || home == Home::packed)
        place = {.tier = zero::resident, .as_run = home == Home::arena};
      if (place.tier != zero::resident)
        out_.weight_bytes += pages(out_.memory_bytes(static_cast<uint32_t>(u)));
    }
  }

  [[noreturn]] void refuse(uint64_t least) const {
    throw Error("--device-memory",
                size_text(*request_.device_memory) + " are too few to train " + model_.path,
                "give at least " + std::to_string(least) + " (" + size_text(least) + "), " +
                    (request_.keep_graphs ? "--activation-checkpointing on, " : "") +
                    "or a smaller --batch-size or --max-length" +
                    (out_.device_states > 0 ? ", or leave " + size_text(out_.device_states) +
                                                  " of states off the device"
                                            : ""));
  }

  const run::Model& model_;
  const TrainingRequest& request_;
  TrainingPlan out_;
  zero::Uses step_, scoring_;
  std::size_t kept_from_ = 0;
  bool packs_ = false;    // frozen units that stay on the device are packed there
  uint32_t experts_ = 0;  // of all layers
  bool inputs_in_tier_;
};

}  // namespace

strata_dtype held_gradient(const TrainingRequest& request, bool has_table) {
  return request.micro_batches > 1 || has_table ? strata_dtype{STRATA_FLOAT, 32, 1}
                                                : request.reduce;
}

bool has_own_masters(const TrainingRequest& request, const zero::Unit& unit, const Flat& flat) {
  if (request.storage.bits < 32) return false;
  return request.weights_in_files || !is_master(unit, flat);
}

TrainingPlan prepare_training(const run::Model& model, const TrainingRequest& request) {
  return Preparation(model, request).run();
}

}  // namespace strata::train
