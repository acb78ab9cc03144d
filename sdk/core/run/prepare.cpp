#include "core/run/prepare.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/shape/measure.hpp"

namespace strata::run {
namespace {

constexpr uint64_t page = 4096;
constexpr uint32_t kv_block = 256;

uint64_t pages(uint64_t bytes) { return (bytes + page - 1) / page * page; }

// The most that a pass of so many tokens holds in activations, the logits for the host included.
uint64_t activations(const Model& model, const Wish& wish, int64_t tokens) {
  shape::Request request{.tokens = tokens,
                         .sequences = std::min<int64_t>(wish.sequences, tokens),
                         .keys = std::max(wish.tokens, tokens),
                         .wanted = wish.all_logits ? tokens : 0,
                         .dtype = wish.dtype,
                         .device = {wish.separate_device ? STRATA_CUDA : STRATA_CPU, 0},
                         .attention_bytes = wish.attention_bytes};
  uint64_t most = 0, turns = 0;
  const auto count = static_cast<uint32_t>(model.family->units().size());
  for (uint32_t unit = 0; unit < count; ++unit) {
    const auto measure = shape::measure(*model.family, unit, request);
    most = std::max(most, measure.peak_bytes);
    for (const auto& layer : measure.kv)
      turns = std::max(turns, static_cast<uint64_t>(tokens * layer.dim_qk) * sizeof(float));
    if (unit + 1 == count)
      most += static_cast<uint64_t>(measure.rows * measure.columns) * sizeof(float);
  }
  // Of the pass: a rope's cosines and sines, made of as many numbers again; the embedding's rows;
  // ids, positions and the block table.
  const auto rows = static_cast<uint64_t>(tokens * shape::hidden_size(*model.family)) *
                    zero::element_bytes(wish.dtype);
  constexpr uint64_t token_bytes = 64, small = 16u << 10;
  const auto blocks = static_cast<uint64_t>(request.sequences * (request.keys / kv_block + 1));
  return most + 4 * turns + rows + static_cast<uint64_t>(tokens) * token_bytes +
         blocks * sizeof(int64_t) + small;
}

// Keys and values of every layer, for every sequence's blocks.
uint64_t kv_bytes(const Model& model, const Wish& wish, const KvRoom& kv) {
  if (wish.tokens == 0) return 0;
  const auto blocks = static_cast<uint64_t>((kv.tokens + kv.block - 1) / kv.block) * kv.sequences;
  uint64_t token = 0;
  for (uint32_t unit = 0; unit < model.family->units().size(); ++unit)
    for (const auto& layer : shape::measure(*model.family, unit, {.dtype = wish.dtype}).kv)
      token += static_cast<uint64_t>(layer.kv_heads * (layer.dim_qk + layer.dim_v)) *
               zero::element_bytes(wish.dtype);
  return blocks * kv.block * token;
}

class Preparation {
 public:
  Preparation(const Model& model, const Wish& wish)
      : model_(model), wish_(wish), budget_(wish.device_memory) {
    out_.tied = model.tied();
    out_.kv = {.sequences = wish.sequences,
               .tokens = wish.tokens,
               .block = static_cast<uint32_t>(std::clamp<int64_t>(wish.tokens, 1, kv_block))};
    out_.kv_bytes = kv_bytes(model, wish, out_.kv);
  }

  Prepared run() {
    if (try_budget()) return std::move(out_);
    refuse();
  }

 private:
  // Resident in whatever chunks of prefill, else streamed in the longest chunks that fit.
  bool try_budget() {
    least_ = ~uint64_t{0};
    for (const auto fits : {&Preparation::whole, &Preparation::split})
      for (int64_t chunk = std::max<int64_t>(wish_.prompt, wish_.sequences);;
           chunk = (chunk + 1) / 2) {
        out_.chunk = chunk;
        out_.activation_bytes = pages(activations(model_, wish_, chunk));
        if ((this->*fits)()) return true;
        if (training() || chunk <= static_cast<int64_t>(wish_.sequences)) break;
      }
    return false;
  }

  bool training() const { return wish_.mode == zero::Mode::backward; }
  uint64_t beside() const { return out_.kv_bytes + out_.activation_bytes; }

  // Everything on the device, if there is room.
  bool whole() {
    if (!wish_.fill_device || training()) return false;
    lay_out(!out_.tied, 0);
    out_.placement.assign(out_.units.size(), {});
    out_.table.clear();
    out_.rows_bytes = 0;
    finish(~uint64_t{0});
    out_.resident = true;
    return fits();
  }

  // Some units in tiers.
  bool split() {
    out_.resident = false;
    if (wish_.tiers.empty()) return false;
    lay_out(training(), 0);
    uint64_t body = 0;
    for (const auto& unit : out_.units)
      if (unit.kind == STRATA_UNIT_BODY) body = std::max(body, unit.run_bytes);
    lay_out(training(), body);
    for (auto& unit : out_.units)
      unit.in_tier = out_.tied && !training() && unit.kind == STRATA_UNIT_HEAD;
    out_.rows_bytes = pages(static_cast<uint64_t>(out_.chunk) * row_bytes());
    const auto taken = beside() + out_.rows_bytes;
    const bool bounded = budget_.has_value();
    const uint64_t arena = bounded && *budget_ > taken ? (*budget_ - taken) / page * page : 0;
    out_.placement =
        zero::place(out_.units, wish_.tiers, arena, wish_.fill_device && bounded && !training());
    use_second_device();
    place_table();
    const auto smallest = zero::least_arena(out_.units, out_.placement, wish_.mode, wish_.ranks);
    if (bounded && arena < smallest) return least(taken + pages(smallest)), false;
    finish(bounded ? arena : deep_enough());
    return fits();
  }

  // A unit runs there in place, from the memory that its tier maps.
  void use_second_device() {
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      auto& place = out_.placement[u];
      const bool here = std::ranges::find(wish_.second_device, out_.units[u].declared) !=
                        wish_.second_device.end();
      if (!here || place.tier == zero::resident) continue;
      if (wish_.reads[place.tier])
        throw Error(out_.units[u].name,
                    "tier " + wish_.tiers[place.tier].name + " maps no memory to run it from",
                    "use a tier that maps its memory");
      place.device = 1;
    }
  }

  void lay_out(bool hold_table, uint64_t tile) {
    out_.units = zero::lay_out(model_.family->units(), model_.find(wish_.dtype),
                               {.dtype = wish_.dtype, .rows = !hold_table, .tile = tile});
  }

  // A ring of two of the largest slots, behind the residents.
  uint64_t deep_enough() const {
    uint64_t fixed = 0, largest = 0;
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      if (out_.placement[u].tier == zero::resident) fixed += pages(out_.units[u].run_bytes);
      largest = std::max(largest, zero::slot_bytes(out_.units[u], out_.placement[u]));
    }
    const auto least = zero::least_arena(out_.units, out_.placement, wish_.mode, wish_.ranks);
    return fixed + 2 * std::max(least - fixed, pages(largest));
  }

  // The table of an untied embedding goes with the head: to the tier that holds the last unit.
  void place_table() {
    out_.table_tier = zero::resident;
    for (const auto& place : out_.placement)
      if (place.tier != zero::resident) out_.table_tier = place.tier;
    out_.table.clear();
    if (out_.tied || training() || wish_.tiers[out_.table_tier].stored) return;
    const auto& declared = model_.family->units().front();
    plugin::DeclaredUnit alone{.name = "embedding table", .kind = STRATA_UNIT_HEAD, .weights = {}};
    for (const auto& weight : declared.weights)
      if (weight.role == STRATA_TABLE) alone.weights.push_back(weight);
    for (auto& weight : alone.weights) weight.role = STRATA_HEAD;  // cut by rows as a head is
    out_.table =
        zero::lay_out({&alone, 1}, model_.find(wish_.dtype),
                      {.dtype = wish_.dtype, .rows = false, .tile = out_.units.back().run_bytes});
  }

  uint64_t row_bytes() const {
    uint64_t most = 0;
    for (const auto& weight : out_.units.front().weights)
      if (weight.run_offset == zero::not_held)
        most = std::max(most, std::max(weight.run_bytes, weight.stored_bytes));
    return most;
  }

  void finish(uint64_t arena) {
    const auto plan = [&](zero::Mode mode) {
      return zero::plan_pass(out_.units, out_.placement, wish_.reads, arena, mode, wish_.ranks);
    };
    out_.plan = plan(training() ? zero::Mode::once : wish_.mode);
    if (training()) out_.backward = plan(zero::Mode::backward);
    out_.tier_bytes.assign(wish_.tiers.size(), 0);
    out_.scratch_bytes = 0;
    for (std::size_t u = 0; u < out_.units.size(); ++u)
      loaded(out_.units[u], out_.placement[u].tier);
    for (const auto& unit : out_.table) loaded(unit, out_.table_tier);
    out_.arena_bytes =
        std::max({out_.plan.arena, out_.backward.arena, out_.plan.fixed + out_.scratch_bytes}) +
        out_.rows_bytes;
    out_.device_bytes = out_.arena_bytes + beside();
  }

  // Counts a unit that the loader brings to the device or to a tier.
  void loaded(const zero::Unit& unit, uint32_t tier) {
    const bool on_device = tier == zero::resident;
    if (!on_device) {
      const bool stored = wish_.tiers[tier].stored;
      out_.tier_bytes[tier] += stored ? unit.stored_bytes : unit.run_bytes;
      if (stored) return;
    }
    if (!unit.expands || !model_.checkpoint) return;
    uint64_t scratch = pages(unit.stored_bytes);
    if (wish_.separate_device && !on_device) scratch += pages(unit.run_bytes);
    out_.scratch_bytes = std::max(out_.scratch_bytes, scratch);
  }

  bool fits() {
    if (!budget_ || out_.device_bytes <= *budget_) return true;
    least(out_.device_bytes);
    return false;
  }

  void least(uint64_t bytes) { least_ = std::min(least_, bytes); }

  // A larger budget may hold more units and so need more again: the least is one that was tried.
  [[noreturn]] void refuse() {
    const auto given = budget_.value_or(0);
    auto enough = given;
    do budget_ = enough = least_;
    while (!try_budget() && least_ > enough);
    throw Error("--device-memory", std::to_string(given) + " bytes are too few for " + model_.path,
                "give at least " + std::to_string(enough) +
                    (wish_.tiers.empty() ? ", or choose a tier with --offload" : ""));
  }

  const Model& model_;
  const Wish& wish_;
  std::optional<uint64_t> budget_;  // of the device, at this try
  Prepared out_;
  uint64_t least_ = ~uint64_t{0};  // what the tries that failed would have needed
};

}  // namespace

Prepared prepare(const Model& model, const Wish& wish) {
  auto out = Preparation(model, wish).run();
  for (const auto& unit : out.units) {
    const shape::Request request{.tokens = wish.sequences,
                                 .sequences = wish.sequences,
                                 .keys = std::max<int64_t>(wish.tokens, 1),
                                 .dtype = wish.dtype};
    out.flops.push_back(shape::measure(*model.family, unit.declared, request).flops);
  }
  return out;
}

}  // namespace strata::run
