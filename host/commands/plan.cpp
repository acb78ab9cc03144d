#include <algorithm>
#include <cstdio>

#include "app/model_config.hpp"
#include "app/report.hpp"
#include "app/trace.hpp"
#include "core/size_text.hpp"
#include "host/commands/commands.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/options/opening.hpp"
#include "host/options/workload_options.hpp"
#include "host/process/output.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {

namespace {

struct PlanOptions : ModelCommand, RunOptions, WorkloadOptions {};

void options(cli::Table& table, PlanOptions& o) {
  add_model(table, o);
  add_workload(table, o);
  add_run(table, o);
  add_in_place(table, o);
  add_dropout(table, o);
  add_planned_ranks(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const PlanOptions& o) { require_model_or_shape(o); }

// The line that says which ranks the others are about.
std::string ranks_text(const nlohmann::json& ranks) {
  if (ranks["count"] == 1)
    return "ranks      1, a group of its own; gathers in a pass: " +
           ranks["gathers_per_pass"].dump() + "\n";
  return "ranks      " + std::to_string(ranks["count"].get<std::int64_t>()) +
         "; what follows is of each, which gets " +
         size_text(ranks["gathered_bytes_per_pass"].get<std::uint64_t>()) +
         " from the others in a pass\n";
}

void plan(const PlanOptions& settings) {
  require_one_rank("plan", "it plans for all ranks");
  app::need_trace_place(settings.trace);
  const auto wanted = static_cast<std::uint32_t>(settings.ranks), ranks = std::max(wanted, 1U);
  auto plugins = open_plugins(settings);
  const auto model = open_model(settings, settings, plugins, true);
  const auto planned =
      app::plan_rank(settings, model, capacity_of(largest_share(settings, ranks)), plugins, wanted);
  if (const auto words = app::too_much(planned.host, planned.free); !words.empty())
    plugins.log().line(STRATA_WARN, "memory: " + words);
  zero::Timeline decode;
  auto out = app::plan_report(model, planned, settings.machine, decode);
  app::write_trace(settings.trace, decode.spans, planned.prepared.units);
  if (settings.deepspeed)
    out["ds_config"] =
        deepspeed::report(*settings.deepspeed, deepspeed::semantics_of(settings.ds_precision),
                          app::hidden_size_of(*model.config),
                          settings.given.contains("run.dtype") ? settings.dtype : "", ranks);
  if (settings.json) return print_json(out);
  const auto size = [](const nlohmann::json& bytes) {
    return size_text(bytes.get<std::uint64_t>());
  };
  std::string text = "weights    " + size(out["weights"]["bytes"]) +
                     (out["weights"]["exact"] ? "" : " (from the configuration)") + "\n";
  if (const auto many = out.find("ranks"); many != out.end()) text += ranks_text(*many);
  if (const auto words = out["weights"].find("expansion"); words != out["weights"].end())
    text += "           " + words->get<std::string>() + "\n";
  for (const auto& [name, tier] : out["tiers"].items())
    text += "in " + name + std::string(name.size() < 8 ? 8 - name.size() : 1, ' ') +
            size(tier["bytes"]) + "\n";
  text += "device     " + size(out["peak"]["device"]["bytes"]) + " at most\nhost       " +
          size(out["peak"]["host"]["bytes"]) + " at most\n";
  const auto& predicted = out["predicted"];
  char line[160];
  std::snprintf(
      line, sizeof line, "a token in %.4g s, the prompt in %.4g s, bound by %s (%s rates)\n",
      predicted["decode_s"].get<double>(), predicted["prefill_s"].get<double>(),
      predicted["bound"].get<std::string>().c_str(), out["rates"].get<std::string>().c_str());
  print(text + line);
}

}  // namespace

const cli::Command plan_command{
    "plan",
    "MODEL [options]",
    "predict where weights would be held and how fast the model would run",
    cli::make_call<PlanOptions, options, check, plan>,
    "model",
    nullptr,
    false,
    true};

}  // namespace strata::host
