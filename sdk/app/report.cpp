#include "app/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "app/expansion.hpp"
#include "app/machine.hpp"
#include "app/machine_rates.hpp"
#include "core/error.hpp"
#include "core/zero/shard.hpp"
#include "core/zero/simulate.hpp"

namespace strata::app {
namespace {

using nlohmann::json;

uint64_t held_on_device(const run::Prepared& prepared) {
  uint64_t sum = 0;
  for (std::size_t u = 0; u < prepared.units.size(); ++u)
    if (prepared.placement[u].tier == zero::resident) sum += prepared.units[u].run_bytes;
  return sum;
}

// The bytes that so many processes of this plan hold together.
json tiers_of(const run::Prepared& prepared, const run::Wish& wish, uint64_t processes = 1) {
  json out = json::object();
  out["device"]["bytes"] = processes * held_on_device(prepared);
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    if (prepared.tier_bytes[t] > 0)
      out[wish.tiers[t].name]["bytes"] = processes * prepared.tier_bytes[t];
  return out;
}

// The units that stream to several ranks and are whole on each, with their bytes in its tiers.
json whole_of(const run::Prepared& prepared, const run::Wish& wish) {
  uint64_t units = 0, bytes = 0;
  for (std::size_t u = 0; u < prepared.units.size(); ++u) {
    const auto& place = prepared.placement[u];
    const auto held = zero::held_bytes(prepared.units[u], place);
    if (!prepared.units[u].whole || place.tier == zero::resident || held == 0) continue;
    ++units;
    bytes += held;
  }
  return {{"below", wish.whole_below}, {"units", units}, {"bytes", bytes}};
}

// The plan of several ranks, beside what each of them has.
json ranks_of(const run::Prepared& prepared, const run::Wish& wish) {
  const auto& pass = prepared.plan.pass;
  return {{"count", wish.ranks},
          {"tiers", tiers_of(prepared, wish, wish.ranks)},
          {"whole", whole_of(prepared, wish)},
          {"gathers_per_pass", std::ranges::count(pass, zero::Kind::gather, &zero::Action::kind)},
          {"gathered_bytes_per_pass", prepared.plan.gathered}};
}

uint64_t locked_bytes(const run::Prepared& prepared, const std::vector<bool>& locked) {
  uint64_t sum = 0;
  for (std::size_t t = 0; t < locked.size(); ++t)
    if (locked[t]) sum += prepared.tier_bytes[t];
  return sum;
}

// The slots that experts share, and how often an expert was in a slot when a layer chose it.
json experts_of(const run::Session& session) {
  const auto& cache = session.experts()->cache();
  const auto& slots = session.prepared().plan.experts;
  return {{"slots", slots.count},
          {"slot_bytes", slots.bytes},
          {"needed", cache.needed()},
          {"hits", cache.hits()},
          {"hit_rate", cache.needed() > 0
                           ? static_cast<double>(cache.hits()) / static_cast<double>(cache.needed())
                           : 1},
          {"fetched_bytes", session.experts()->planned()}};
}

double each(double sum, int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0; }

// The seconds that the unit's experts add to its run if all experts are equally likely: T tokens
// that choose k of X experts each need X (1 - (1 - k/X)^T) different ones, of which the share that
// has slots is resident. Ranks that cut experts bring what any of them needs.
double seconds_of_experts(const run::Prepared& prepared, const run::Wish& wish, std::size_t unit,
                          int64_t tokens, const MachineRates& at) {
  double all = 0, seconds = 0, streamed = 0;
  for (auto e = unit + 1; e < prepared.units.size() && prepared.units[e].is_expert(); ++e) ++all;
  if (all == 0) return 0;
  for (std::size_t u = 0; u < prepared.units.size(); ++u)
    if (prepared.units[u].is_expert() && prepared.placement[u].streams()) ++streamed;
  const auto needed = [&](int64_t by) { return 1 - std::pow(1 - prepared.top_k[unit] / all, by); };
  const auto cut_over = prepared.units[unit + 1].whole ? 1 : wish.ranks;
  const double chosen = needed(tokens), brought = needed(tokens * cut_over);
  const double there = prepared.plan.experts.count / std::max(streamed, 1.0);
  for (auto e = unit + 1; e <= unit + static_cast<std::size_t>(all); ++e) {
    const auto& place = prepared.placement[e];
    const auto& expert = prepared.units[e];
    seconds += chosen * static_cast<double>(expert.run_bytes) / at.memory;
    if (!place.streams()) continue;
    const auto held = zero::held_bytes(expert, place);
    const auto bytes = static_cast<double>(zero::shard_bytes(held, cut_over)),
               sent = static_cast<double>(zero::gathered_bytes(held, cut_over));
    seconds += brought * (1 - there) *
               (bytes / (wish.reads[place.tier] ? at.disk : at.link) + sent / at.link);
  }
  return seconds;
}

const char* bound_of(const zero::Timeline& timeline, bool by_memory) {
  const auto busiest = std::ranges::max_element(timeline.busy) - timeline.busy.begin();
  switch (static_cast<device::Lane>(busiest)) {
    case device::Lane::io:
      return "disk";
    case device::Lane::copy:
    case device::Lane::comm:  // whose rate is taken to be the link's
      return "link";
    default:
      return by_memory ? "memory" : "compute";
  }
}

}  // namespace

json quant_report(const run::Quantized& quantized) {
  return {{"name", quantized.scheme},
          {"options", json::parse(quantized.options)},
          {"cache", quantized.cache},
          {"path", quantized.path},
          {"packed", quantized.packed},
          {"bytes", quantized.bytes},
          {"bytes_before", quantized.bytes_before},
          {"seconds", quantized.seconds}};
}

json collectives_report(const device::Collective& collective) {
  const auto collected = collective.collected();
  json out{{"library", collected.library}};
  for (const auto& [name, one] : {std::pair{"all_gather", collected.all_gather},
                                  std::pair{"reduce_scatter", collected.reduce_scatter},
                                  std::pair{"all_reduce", collected.all_reduce}})
    out[name] = {{"calls", one.calls}, {"bytes", one.bytes}};
  return out;
}

Asked asked_of(const Planned& planned) {
  Asked out{planned.wish, planned.host.bytes(), {}};
  for (const auto* tier : planned.tiers) out.locked.push_back(tier->manifest.page_locked);
  return out;
}

json report(const run::Session& session, const Plugins& plugins, const Asked& asked) {
  const auto& wish = asked.wish;
  const auto& prepared = session.prepared();
  json out;
  out["plugins"] = plugins.report();
  out["weights"]["bytes"] = session.model().stored_bytes();
  out["weights"]["run_bytes"] = session.model().run_bytes(wish.dtype);
  if (const auto& quantized = session.model().quantized) out["quant"] = quant_report(*quantized);
  if (wish.adapter_bytes > 0) out["adapter"]["bytes"] = wish.adapter_bytes;
  out["tiers"] = tiers_of(prepared, wish);
  if (wish.has_group()) out["whole"] = whole_of(prepared, wish);
  out["load_s"] = session.load_seconds();
  out["moved"]["load"]["counted"] = session.loaded();
  out["peak"]["host"]["bytes"] = memory::most_resident();
  out["peak"]["host"]["planned"] = asked.host_bytes;
  out["peak"]["host"]["start"] = session.start_bytes();
  out["peak"]["pinned"]["bytes"] = locked_bytes(prepared, asked.locked);
  return out;
}

json report(run::Session& session, const Plugins& plugins, const Asked& asked,
            const run::GenerateResult& result) {
  auto out = report(static_cast<const run::Session&>(session), plugins, asked);
  const auto held = session.compute().held();
  out["moved_bytes_per_token"] = each(static_cast<double>(result.decode.counted), result.decoded);
  out["moved"]["decode"] = {{"counted", result.decode.counted},
                            {"planned", result.decode.planned},
                            {"steps", result.steps}};
  out["moved"]["prefill"] = {{"counted", result.prefill.counted},
                             {"planned", result.prefill.planned}};
  out["first_token_s"] = result.first_token_s;
  out["decode_s"] = result.decode_s;
  out["decode_tokens_per_s"] =
      result.decode_s > 0 ? static_cast<double>(result.decoded) / result.decode_s : 0;
  out["peak"]["device"]["bytes"] = session.prepared().arena_bytes + held.peak;
  out["peak"]["device"]["planned"] = session.prepared().device_bytes;
  out["peak"]["arena"]["bytes"] = session.prepared().arena_bytes;
  if (const auto* collective = session.collective()) {
    out["collectives"] = collectives_report(*collective);
    out["moved"]["decode"]["gathered"] = result.decode.gathered;
    out["moved"]["prefill"]["gathered"] = result.prefill.gathered;
  }
  if (session.prepared().plan.experts.count > 0) out["experts"] = experts_of(session);
  return out;
}

json plan_report(const run::Model& model, const Planned& planned, const std::string& machine,
                 zero::Timeline& decode) {
  const auto& prepared = planned.prepared;
  const auto& wish = planned.wish;
  const auto at = machine.empty() ? assumed_rates(planned.cuda) : read_rates(machine, planned.cuda);
  zero::Rates rates{
      .disk = at.disk, .link = at.link, .network = at.link, .expand = at.memory / 2, .run = {}};
  const auto run_for = [&](int64_t tokens) {
    rates.run.clear();
    for (std::size_t u = 0; u < prepared.units.size(); ++u)
      rates.run.push_back(std::max(prepared.flops[u] * static_cast<double>(tokens) / at.compute,
                                   static_cast<double>(prepared.units[u].run_bytes) / at.memory) +
                          seconds_of_experts(prepared, wish, u, tokens * wish.sequences, at));
    return zero::simulate(prepared.plan, prepared.units, prepared.placement, rates, 2, wish.ranks);
  };
  const auto first = [&](int64_t tokens) {
    run_for(tokens);
    return zero::simulate(prepared.plan, prepared.units, prepared.placement, rates, 1, wish.ranks)
        .end;
  };
  decode = run_for(1);
  const auto bytes = static_cast<double>(model.stored_bytes());
  json out;
  out["weights"] = {{"bytes", model.stored_bytes()},
                    {"exact", model.checkpoint && !model.checkpoint->files().empty()},
                    {"run_bytes", model.run_bytes(wish.dtype)}};
  if (const auto words = expansion_words(prepared, wish.dtype); !words.empty())
    out["weights"]["expansion"] = words;
  if (model.quantized) out["quant"] = quant_report(*model.quantized);
  out["tiers"] = tiers_of(prepared, wish);
  out["peak"]["device"] = {{"bytes", prepared.device_bytes},
                           {"arena", prepared.arena_bytes},
                           {"kv", prepared.kv_bytes},
                           {"activations", prepared.activation_bytes},
                           {"expansion", prepared.expansion_bytes},
                           {"adapter", wish.adapter_bytes},
                           {"libraries", wish.library_bytes}};
  out["peak"]["host"] = {{"bytes", planned.host.bytes()},       {"program", planned.host.program},
                         {"transfers", planned.host.transfers}, {"tiers", planned.host.tiers},
                         {"device", planned.host.device},       {"free", planned.free.bytes}};
  out["moved_bytes_per_pass"] = prepared.plan.moved;
  if (wish.has_group()) out["ranks"] = ranks_of(prepared, wish);
  out["predicted"] = {{"load_s", bytes / rates.disk},
                      {"first_pass_s", first(1)},
                      {"prefill_s", first(prepared.chunk)},
                      {"decode_s", decode.end - first(1)},
                      {"bound", bound_of(decode, true)}};
  out["peak"]["pinned"]["bytes"] = locked_bytes(prepared, asked_of(planned).locked);
  out["rates"] = machine.empty() ? "assumed" : "measured";
  if (const auto& slots = prepared.plan.experts; slots.count > 0)
    out["experts"] = {{"slots", slots.count}, {"slot_bytes", slots.bytes}};
  out["units"] = prepared.units.size();
  out["chunk"] = prepared.chunk;
  return out;
}

}  // namespace strata::app
