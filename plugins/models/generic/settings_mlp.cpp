#include <strata/ops.hpp>

#include "reading.hpp"

namespace generic {
namespace {

std::int32_t activation(const Reader& r, const std::string& key) {
  try {
    return strata::activation_named(r.text(key));
  } catch (const strata::Failure& e) {
    throw r.invalid(key, e.what());
  }
}

Mlp read_mlp(const Reader& r, const std::string& section) {
  Mlp out;
  out.F = r.size(section + ".width");
  out.gate_up = r.text(section + ".gate_up", "");
  out.gate = r.text(section + ".gate", "");
  if (out.gate_up.empty()) out.up = r.text(section + ".up");
  out.down = r.text(section + ".down");
  out.bias = r.flag(section + ".bias", false);
  out.down_bias = r.flag(section + ".down_bias", out.bias);
  out.activation = activation(r, section + ".activation");
  return out;
}

// Reads the experts' names: one tensor for each expert, or made-up names for slices of a tensor of
// all experts.
void read_expert_names(const Reader& r, Experts& out) {
  out.all_gate_up = r.text("experts.all_gate_up", "");
  out.all_up = r.text("experts.all_up", "");
  out.all_down = r.text("experts.all_down", "");
  out.by_turns = r.flag("experts.by_turns", false);
  out.all_gate_up_bias = r.text("experts.all_gate_up_bias", "");
  out.all_down_bias = r.text("experts.all_down_bias", "");
  if (!out.all_gate_up.empty() && !out.all_up.empty())
    throw r.invalid("experts.all_up", "all_gate_up holds it");
  const bool stacked = !out.all_down.empty() && !r.has("experts.down");
  out.gate = r.text("experts.gate", stacked && !out.all_gate_up.empty() ? "expert.{}.gate" : "");
  out.up = stacked ? "expert.{}.up" : r.text("experts.up");
  out.down = stacked ? "expert.{}.down" : r.text("experts.down");
  for (const auto* name : {&out.gate, &out.up, &out.down})
    if (!name->empty() && name->find("{}") == name->npos)
      throw r.invalid("experts.up", "'" + *name + "' has no {} for the expert's number");
}

void read_groups(const Reader& r, Experts& out) {
  const auto groups = r.size("experts.groups", 1), top = r.size("experts.top_groups", 1);
  if (groups == 1 && top == 1) return;
  const auto best = r.size("experts.group_best");
  const auto each = groups <= out.X && out.X % groups == 0 ? out.X / groups : 0;
  if (top > groups || best > each || out.top_k > top * each)
    throw r.invalid("experts.groups", std::to_string(top) + " of " + std::to_string(groups) +
                                          " groups of " + std::to_string(out.X) +
                                          " experts: fix config.json");
  out.groups = static_cast<std::uint32_t>(groups);
  out.top_groups = static_cast<std::uint32_t>(top);
  out.group_best = static_cast<std::uint32_t>(best);
}

Experts read_experts(const Reader& r, bool in_out) {
  Experts out;
  constexpr std::int64_t most = 65536;
  out.X = r.size("experts.count");
  const auto top_k = r.size("experts.top_k");
  if (out.X > most || top_k > out.X)
    throw r.invalid("experts.top_k", std::to_string(top_k) + " of " + std::to_string(out.X) +
                                         " experts: fix config.json");
  out.top_k = static_cast<std::uint32_t>(top_k);
  out.F = r.size("experts.width");
  out.router = r.text("experts.router");
  out.router_bias = r.flag("experts.router_bias", false);
  out.router_float32 = r.flag("experts.router_float32", false);
  out.choice = r.text("experts.choice", "");
  out.choice_also = r.text("experts.choice_also", "");
  read_groups(r, out);
  out.sigmoid = r.has("experts.score") && r.choice("experts.score", {"softmax", "sigmoid"}) == 1;
  out.normalise = r.flag("experts.normalise", false);
  out.least_sum = r.number("experts.least_sum", 0);
  out.scale = r.number("experts.scale", 1);
  out.limit = r.number("experts.limit", 0);
  out.up_offset = r.number("experts.up_offset", 0);
  if (!(out.least_sum >= 0 && out.limit >= 0))
    throw r.invalid(out.limit >= 0 ? "experts.least_sum" : "experts.limit", "it is below 0");
  out.bias = r.flag("experts.bias", false);
  out.activation = activation(r, "experts.activation");
  out.in_out = r.flag("experts.in_out", in_out);
  read_expert_names(r, out);
  if (out.gate.empty() && (out.limit != 0 || out.up_offset != 0))
    throw r.invalid("experts.gate", "a limit or an offset of up needs one");
  return out;
}

}  // namespace

MlpBranch read_mlp_branch(const Reader& r, bool in_out) {
  MlpBranch out;
  static_cast<Branch&>(out) = read_branch(r, "mlp");
  if (!r.has("experts.count") || !r.flag("experts.layers", true)) {
    out.dense = read_mlp(r, "mlp");
    out.dense.activation_dropout = read_rate(r, "mlp.activation_dropout");
    return out;
  }
  out.experts = read_experts(r, in_out);
  if (r.text("shared.down", "").empty()) return out;
  out.shared = read_mlp(r, "shared");
  out.shared_router = r.text("shared.router", "");
  return out;
}

}  // namespace generic
