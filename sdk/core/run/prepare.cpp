#include "core/run/prepare.hpp"

#include <algorithm>

#include "core/dry_run/measure.hpp"
#include "core/error.hpp"
#include "core/pages.hpp"
#include "core/run/packed.hpp"
#include "core/run/pass_bytes.hpp"
#include "core/run/rank_part.hpp"
#include "core/run/tiers.hpp"
#include "core/size_text.hpp"

namespace strata::run {
namespace {

// Refuses more tokens than the learned positions have.
void check_positions(const Model& model, const Wish& wish) {
  for (uint32_t unit = 0; unit < model.family->units().size(); ++unit) {
    const auto known = dry_run::measure(*model.family, unit, {.dtype = wish.dtype}).positions;
    if (known > 0 && wish.tokens > known)
      throw Error(model.path,
                  "it has learned " + std::to_string(known) + " positions, not " +
                      std::to_string(wish.tokens),
                  "use shorter prompts or fewer new tokens");
  }
}

class Preparation {
 public:
  Preparation(const Model& model, const Wish& wish)
      : model_(model), wish_(wish),
        products_({wish.codec, wish.dtype, wish.separate_device, wish.fast_products}) {
    out_.tied = model.tied();
    out_.kv = {.sequences = wish.sequences,
               .tokens = wish.tokens,
               .block = static_cast<uint32_t>(std::clamp<int64_t>(wish.tokens, 1, kv_block))};
    out_.kv_bytes = kv_bytes(model, wish, out_.kv);
  }

  // Keeps all units resident if any chunk of prefill allows it, else streams with the longest chunk
  // that fits.
  Prepared run() {
    for (const auto fits : {&Preparation::whole, &Preparation::split})
      for (int64_t chunk = std::max<int64_t>(wish_.prompt, wish_.sequences);;
           chunk = std::max<int64_t>((chunk + 1) / 2, wish_.sequences)) {
        out_.chunk = chunk;
        out_.activation_bytes = pages(activation_bytes(model_, wish_, chunk));
        if ((this->*fits)()) return std::move(out_);
        if (chunk <= static_cast<int64_t>(wish_.sequences)) break;
      }
    refuse();
  }

 private:
  uint64_t beside() const {
    return out_.kv_bytes + out_.activation_bytes + out_.expansion_bytes + wish_.library_bytes +
           wish_.adapter_bytes;
  }

  // Puts everything on the device, if there is room.
  bool whole() {
    if (!wish_.fill_device) return false;
    lay_out(!out_.tied, 0);
    out_.placement.assign(out_.units.size(), {});
    out_.table.clear();
    out_.rows_bytes = 0;
    count_bytes();
    const auto limit = wish_.device_memory.value_or(~uint64_t{0}),
               needed = least_arena() + beside();
    if (needed > limit) return least(needed), false;
    out_.resident = true;
    place_actions(limit - beside());
    return true;
  }

  // Puts some units in tiers.
  bool split() {
    out_.resident = false;
    if (wish_.tiers.empty()) return false;
    lay_out(false, 0);
    uint64_t body = 0;
    for (const auto& unit : out_.units)
      if (unit.kind == STRATA_UNIT_BODY) body = std::max(body, unit.run_bytes);
    lay_out(false, body);
    for (auto& unit : out_.units) unit.in_tier = out_.tied && unit.kind == STRATA_UNIT_HEAD;
    out_.rows_bytes = pages(static_cast<uint64_t>(out_.chunk) * row_bytes());
    return split_in_run_form() || split_as_held();
  }

  // Lets tiers hold units in blocks expanded, if all units fit so and none streams then: expanded
  // once while loading, they cost a pass no more than resident ones.
  bool split_in_run_form() {
    if (std::ranges::none_of(wish_.tiers, &zero::TierRoom::runs_units) ||
        std::ranges::all_of(out_.units, &zero::Unit::as_run))
      return false;
    std::vector<zero::Unit*> packed;
    for (auto& unit : out_.units)
      if (!unit.as_run) packed.push_back(&unit);
    for (auto* unit : packed) unit->as_run = true;
    try {
      streams_ = false;
      if (split_as_held()) return true;
    } catch (const Error&) {  // they need more room than there is
    }
    streams_ = true;
    for (auto* unit : packed) unit->as_run = false;
    return false;
  }

  // Places the units in the forms that they say, within the device's budget.
  bool split_as_held() {
    const auto taken = beside() + out_.rows_bytes;
    if (!wish_.device_memory) {
      settle(0, false);
      return is_allowed() && (place_actions(deep_enough()), true);
    }
    const auto budget = *wish_.device_memory;
    const uint64_t arena = budget > taken ? (budget - taken) / page * page : 0;
    // Units stay resident as far as they leave room for the others, for loading and for rounding up
    // to pages.
    const auto certain =
        std::ranges::count_if(out_.units, [](const zero::Unit& unit) { return !unit.is_expert(); });
    const auto rounding = std::min(arena, static_cast<uint64_t>(certain) * page);
    const auto fits = [&](uint64_t given, bool fill) {
      settle(given, fill);
      return budget >= taken && is_allowed() && least_arena() <= arena;
    };
    // Where nothing streams, experts may be resident, and there is no ring that loading could use.
    const auto all_rounding = out_.units.size() * page;
    if (wish_.fill_device &&
        (fits(arena, true) || fits(arena - rounding, true) ||
         fits(arena - std::min(arena, all_rounding + out_.scratch_bytes), true)))
      return place_actions(arena), true;
    if (fits(arena, false)) return place_actions(arena), true;
    if (is_allowed()) least(taken + least_arena());
    return false;
  }

  // Whether units may stream if some do.
  bool is_allowed() const {
    return streams_ || std::ranges::none_of(out_.placement, &zero::Place::streams);
  }

  // Places everything for an arena of `arena` bytes on the device.
  void settle(uint64_t arena, bool fill) {
    out_.placement = zero::place(out_.units, wish_.tiers, arena, fill,
                                 wish_.second_device.empty() ? wish_.ranks : 1);
    use_second_device();
    count_bytes();
    place_table();
  }

  uint64_t fixed() const {
    uint64_t sum = 0;
    for (std::size_t u = 0; u < out_.units.size(); ++u)
      if (out_.placement[u].tier == zero::resident) sum += pages(out_.units[u].run_bytes);
    return sum;
  }

  // The least arena for the plan and for loading.
  uint64_t least_arena() const {
    return std::max(zero::least_arena(out_.units, out_.placement, wish_.ranks),
                    fixed() + out_.scratch_bytes);
  }

  // On the second device a unit runs in place, from the memory that its tier maps.
  void use_second_device() {
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      auto& place = out_.placement[u];
      if (!on_second_device(out_.units[u]) || place.tier == zero::resident) continue;
      if (wish_.reads[place.tier])
        throw Error(out_.units[u].name,
                    "tier " + wish_.tiers[place.tier].name + " maps no memory to run it from",
                    "use a tier that maps its memory");
      place.device = 1;
      place.runs_in_tier = true;
    }
  }

  // The run forms of weights that a plugin multiplies in its own; empty: all are dense. A second
  // device runs weights that are expanded.
  zero::CodedForm coded_form() const {
    if (!wish_.codec || !model_.checkpoint || !wish_.second_device.empty()) return {};
    return [this](const source::Form& stored, std::span<const int64_t> shape) {
      return products_.run_form(stored, shape);
    };
  }

  void lay_out(bool hold_table, uint64_t tile) {
    const zero::LayoutOptions options{.dtype = wish_.dtype,
                                      .rows = !hold_table,
                                      .tile = tile,
                                      .coded = coded_form(),
                                      .looked_up = out_.tied};
    out_.units = zero::lay_out(model_.family->units(), model_.find(wish_.dtype), options);
    for (auto& unit : out_.units) unit.as_run = !stays_packed(unit);
    if (wish_.has_group()) keep_small_whole(out_.units, wish_.whole_below);
    const auto wanted = wish_.all_logits ? out_.chunk : int64_t{wish_.sequences};
    out_.expansion_bytes = std::max(expansion_bytes(out_.units, wish_.dtype, wish_.separate_device),
                                    products_.bytes(out_.units, out_.chunk, wanted));
  }

  bool on_second_device(const zero::Unit& unit) const {
    return std::ranges::find(wish_.second_device, unit.declared) != wish_.second_device.end();
  }

  // A second device runs weights in place, so that they must be in the run form.
  bool stays_packed(const zero::Unit& unit) const {
    return model_.checkpoint && !on_second_device(unit) &&
           run::stays_packed(unit, wish_.codec, wish_.separate_device);
  }

  // The arena for a ring of two of the largest slots, behind the residents.
  uint64_t deep_enough() const {
    const auto least = zero::least_arena(out_.units, out_.placement, wish_.ranks);
    return fixed() + 2 * (least - fixed());
  }

  // Places the table of an untied embedding: in the tier that holds the last unit, as the head, or
  // in the next one with room.
  void place_table() {
    const auto& tiers = wish_.tiers;
    uint32_t tier = 0;
    for (const auto& place : out_.placement)
      if (place.tier != zero::resident) tier = place.tier;
    out_.table_place = {.tier = tier};
    out_.table.clear();
    if (out_.tied) return;
    const auto& declared = model_.family->units().front();
    plugin::DeclaredUnit alone{.name = "embedding table", .kind = STRATA_UNIT_HEAD, .weights = {}};
    for (const auto& weight : declared.weights)
      if (weight.role == STRATA_TABLE) alone.weights.push_back(weight);
    for (auto& weight : alone.weights) weight.role = STRATA_HEAD;  // cut by rows as a head is
    auto table = zero::lay_out({&alone, 1}, model_.find(wish_.dtype),
                               {.dtype = wish_.dtype,
                                .rows = false,
                                .tile = out_.units.back().run_bytes,
                                .coded = coded_form(),
                                .looked_up = true});
    uint64_t bytes = 0;
    for (auto& unit : table) {
      unit.as_run = out_.table_place.as_run = !stays_packed(unit);
      bytes += zero::held_bytes(unit, out_.table_place);
    }
    while (!tiers[tier].in_place && tiers[tier].capacity - out_.tier_bytes[tier] < bytes)
      if (++tier == tiers.size())
        throw Error("placement", "the embedding's table (" + size_text(bytes) + ") fits no tier",
                    "raise --host-memory, or use --offload auto");
    out_.table_place.tier = tier;
    if (tiers[tier].in_place) return;
    out_.table = std::move(table);
    for (const auto& unit : out_.table)
      count_bytes(unit, out_.table_place, zero::held_bytes(unit, out_.table_place));
  }

  uint64_t row_bytes() const {
    uint64_t most = 0;
    for (const auto& weight : out_.units.front().weights)
      if (!weight.is_held()) most = std::max({most, weight.run.bytes, weight.source.stored.bytes});
    return most;
  }

  void place_actions(uint64_t arena) {
    out_.plan = zero::plan_pass(out_.units, out_.placement, wish_.reads, arena, wish_.mode,
                                wish_.ranks, wish_.group_of_one);
    const bool two = !wish_.device_memory || out_.plan.fixed + 2 * out_.scratch_bytes <= arena;
    out_.scratches = two ? 2 : 1;
    out_.arena_bytes =
        std::max(out_.plan.arena, out_.plan.fixed + out_.scratches * out_.scratch_bytes) +
        out_.rows_bytes;
    out_.device_bytes = out_.arena_bytes + beside();
    out_.transfer_bytes = transfer_bytes();
  }

  // The bytes of the reader's chunks, and of the largest unit for a tier that maps no memory.
  uint64_t transfer_bytes() const {
    uint64_t written = 0;
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      const auto& place = out_.placement[u];
      if (place.tier == zero::resident || wish_.tiers[place.tier].in_place ||
          !wish_.reads[place.tier])
        continue;
      written = std::max(written, zero::held_bytes(out_.units[u], place));
    }
    // A unit that is expanded is cut behind that.
    for (std::size_t u = 0; u < out_.units.size(); ++u)
      if (is_cut_in_tier(u) && out_.units[u].expands && out_.placement[u].as_run)
        written = std::max(written, out_.units[u].run_bytes);
    return staging_chunks * (longest_read + page) + longest_align +
           (written > 0 ? pages(written) + longest_align : 0) +
           (wish_.separate_device ? out_.rows_bytes : 0);
  }

  void count_bytes() {
    out_.tier_bytes.assign(wish_.tiers.size(), 0);
    out_.scratch_bytes = 0;
    for (std::size_t u = 0; u < out_.units.size(); ++u)
      count_bytes(out_.units[u], out_.placement[u], held_room(out_, wish_, u));
  }

  // Whether a tier holds a part of the unit alone, in room of its own.
  bool is_cut_in_tier(std::size_t u) const {
    const auto tier = out_.placement[u].tier;
    return tier != zero::resident && !wish_.tiers[tier].in_place && !is_held_whole(out_, wish_, u);
  }

  // Counts the bytes of a unit that the loader brings to the device or to a tier, which has `room`
  // for them.
  void count_bytes(const zero::Unit& unit, const zero::Place& place, uint64_t room) {
    const bool on_device = place.tier == zero::resident;
    if (!on_device) {
      out_.tier_bytes[place.tier] += room;
      if (wish_.tiers[place.tier].in_place || !place.as_run) return;
    }
    if (!unit.expands || !model_.checkpoint) return;
    uint64_t scratch = pages(unit.stored_bytes);
    if (wish_.separate_device && !on_device) scratch += pages(unit.run_bytes);
    out_.scratch_bytes = std::max(out_.scratch_bytes, scratch);
  }

  void least(uint64_t bytes) { least_ = std::min(least_, bytes); }

  [[noreturn]] void refuse() const {
    if (!wish_.free_memory.empty())
      throw Error("memory",
                  std::to_string(wish_.device_memory.value_or(0) >> 20) + " MiB " +
                      std::string(wish_.free_memory) + " can be used for " + model_.path +
                      ", which needs " + std::to_string((least_ >> 20) + 1) + " MiB",
                  wish_.tiers.empty() ? "free memory, or choose a tier with --offload"
                                      : "free memory, raise that limit or ask for fewer tokens");
    throw Error("--device-memory",
                size_text(wish_.device_memory.value_or(0)) + " are too few for " + model_.path,
                "give at least " + std::to_string(least_) + " (" + size_text(least_) + ")" +
                    (wish_.tiers.empty() ? ", or choose a tier with --offload" : ""));
  }

  const Model& model_;
  const Wish& wish_;
  CodedProducts products_;
  Prepared out_;
  bool streams_ = true;            // whether a placement may have units that stream
  uint64_t least_ = ~uint64_t{0};  // the least that the failed attempts would have needed
};

}  // namespace

Prepared prepare(const Model& model, const Wish& wish) {
  check_positions(model, wish);
  auto out = Preparation(model, wish).run();
  for (const auto& unit : out.units) {
    const dry_run::Request request{.tokens = wish.sequences,
                                   .sequences = wish.sequences,
                                   .keys = std::max<int64_t>(wish.tokens, 1),
                                   .dtype = wish.dtype};
    // The work of experts counts as their layer's.
    const auto measure = unit.is_expert() ? dry_run::Measure{}
                                          : dry_run::measure(*model.family, unit.declared, request);
    out.flops.push_back(measure.flops);
    out.top_k.push_back(measure.top_k);
  }
  return out;
}

}  // namespace strata::run
