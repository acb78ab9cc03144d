#include "host/running/report.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "core/zero/simulate.hpp"

namespace strata::host {
namespace {

using nlohmann::json;

uint64_t most_resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

uint64_t resident_bytes(const run::Prepared& prepared) {
  uint64_t sum = 0;
  for (std::size_t u = 0; u < prepared.units.size(); ++u)
    if (prepared.placement[u].tier == zero::resident) sum += prepared.units[u].run_bytes;
  return sum;
}

json tiers_of(const run::Prepared& prepared, const run::Wish& wish) {
  json out = json::object();
  out["device"]["bytes"] = resident_bytes(prepared);
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    if (prepared.tier_bytes[t] > 0) out[wish.tiers[t].name]["bytes"] = prepared.tier_bytes[t];
  return out;
}

double each(double sum, int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0; }

// Rates of a machine that was not measured: one GPU of the day behind PCIe 5, or two cores.
zero::Rates assumed_rates(const Planned& planned, double& compute, double& memory) {
  compute = planned.cuda ? 400e12 : 100e9;
  memory = planned.cuda ? 3e12 : 15e9;
  zero::Rates rates{.disk = 3e9,
                    .link = planned.cuda ? 50e9 : 8e9,
                    .network = 100e9,
                    .expand = memory / 2,
                    .run = {}};
  return rates;
}

const char* bound_of(const zero::Timeline& timeline, bool by_memory) {
  const auto busiest = std::ranges::max_element(timeline.busy) - timeline.busy.begin();
  switch (static_cast<zero::Lane>(busiest)) {
    case zero::Lane::io:
      return "disk";
    case zero::Lane::copy:
      return "link";
    default:
      return by_memory ? "memory" : "compute";
  }
}

}  // namespace

json report(const run::Session& session, const Opened& plugins, const run::Wish& wish) {
  const auto& prepared = session.prepared();
  json out;
  out["plugins"] = plugins.report();
  out["weights"]["bytes"] = session.model().stored_bytes();
  out["weights"]["run_bytes"] = session.model().run_bytes(wish.dtype);
  out["tiers"] = tiers_of(prepared, wish);
  out["load_s"] = session.load_seconds();
  out["peak"]["host"]["bytes"] = most_resident();
  return out;
}

json report(run::Session& session, const Opened& plugins, const run::Wish& wish,
            const run::GenerateResult& result) {
  auto out = report(static_cast<const run::Session&>(session), plugins, wish);
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
  return out;
}

json plan_report(const run::Model& model, const Planned& planned) {
  const auto& prepared = planned.prepared;
  const auto& wish = planned.wish;
  double compute = 0, memory = 0;
  auto rates = assumed_rates(planned, compute, memory);
  const auto run_for = [&](int64_t tokens) {
    rates.run.clear();
    for (std::size_t u = 0; u < prepared.units.size(); ++u)
      rates.run.push_back(std::max(prepared.flops[u] * static_cast<double>(tokens) / compute,
                                   static_cast<double>(prepared.units[u].run_bytes) / memory));
    return zero::simulate(prepared.plan, prepared.units, prepared.placement, rates, 2);
  };
  const auto first = [&](int64_t tokens) {
    run_for(tokens);
    return zero::simulate(prepared.plan, prepared.units, prepared.placement, rates, 1).end;
  };
  const auto decode = run_for(1);
  const auto bytes = static_cast<double>(model.stored_bytes());
  uint64_t host = 0;
  json out;
  out["weights"] = {{"bytes", model.stored_bytes()},
                    {"exact", model.checkpoint.has_value()},
                    {"run_bytes", model.run_bytes(wish.dtype)}};
  out["tiers"] = tiers_of(prepared, wish);
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    if (!wish.tiers[t].stored && !wish.reads[t]) host += prepared.tier_bytes[t];
  out["peak"]["device"] = {{"bytes", prepared.device_bytes},
                           {"arena", prepared.arena_bytes},
                           {"kv", prepared.kv_bytes},
                           {"activations", prepared.activation_bytes}};
  out["peak"]["host"]["bytes"] = host + (planned.cuda ? 0 : prepared.device_bytes);
  out["moved_bytes_per_pass"] = prepared.plan.moved;
  out["predicted"] = {{"load_s", bytes / rates.disk},
                      {"first_pass_s", first(1)},
                      {"prefill_s", first(prepared.chunk)},
                      {"decode_s", decode.end - first(1)},
                      {"bound", bound_of(decode, true)}};
  out["rates"] = "assumed";
  out["units"] = prepared.units.size();
  out["chunk"] = prepared.chunk;
  return out;
}

}  // namespace strata::host
