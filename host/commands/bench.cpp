#include <algorithm>
#include <cstdio>

#include "app/model_config.hpp"
#include "app/report.hpp"
#include "app/trace.hpp"
#include "core/run/generation.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/size_formulas.hpp"
#include "host/options/opening.hpp"
#include "host/options/workload_options.hpp"
#include "host/process/output.hpp"
#include "host/ranks/joined_report.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {
namespace {

struct BenchOptions : ModelCommand, RunOptions, WorkloadOptions {
  bool dummy = false;
  std::int64_t loops = 3;
};

void options(cli::Table& table, BenchOptions& o) {
  add_model(table, o);
  table.push_back({"dummy", "bench.dummy", &o.dummy, "", "use made-up weights, read none"});
  add_workload(table, o);
  table.push_back({"loops", "bench.loops", &o.loops, "L",
                   "number of runs; the last one is reported", "", 1, 1e6});
  add_run(table, o);
  add_in_place(table, o);
  add_dropout(table, o);
  add_ranks(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const BenchOptions& o) {
  require_model_or_shape(o);
  cli::require(o.dummy, "--dummy", "bench runs on weights made in memory: add --dummy");
}

// Leaves a model without files: of weights that are quantized their forms, else the shapes alone.
void make_up(run::Model& model) {
  if (!model.quantized) {
    model.checkpoint.reset();
    model.tensors.reset();
    return;
  }
  model.checkpoint = model.checkpoint->without_tensors().with_planned(model.checkpoint->tensors());
  model.resolve();
}

constexpr double gib = 1024.0 * 1024.0 * 1024.0;

// The times of the slowest rank.
void take_slowest(run::GenerateResult& result, const Team& team) {
  for (const auto& one : team.all({result.first_token_s, result.decode_s})) {
    result.first_token_s = std::max(result.first_token_s, one[0].get<double>());
    result.decode_s = std::max(result.decode_s, one[1].get<double>());
  }
}

// The times of one loop, and the rates that follow from them, of all ranks together.
nlohmann::json measures(const BenchOptions& settings, const run::GenerateResult& result) {
  const auto batch = static_cast<double>(settings.batch_size),
             generated = static_cast<double>(settings.gen_len);
  const double prefill = result.first_token_s, decode = result.decode_s, total = prefill + decode;
  return {{"prefill_latency_s", prefill},
          {"prefill_tokens_per_s", batch * static_cast<double>(settings.prompt_len) / prefill},
          {"decode_latency_s", decode},
          {"decode_tokens_per_s", batch * (generated - 1) / std::max(decode, 1e-10)},
          {"total_latency_s", total},
          {"total_tokens_per_s", batch * generated / total}};
}

// Bytes of the weights, the KV cache and the hidden states: exact, and by the formulas if the
// configuration has their terms.
nlohmann::json sizes_of(const BenchOptions& settings, const run::Model& model, strata_dtype dtype,
                        uint64_t cache) {
  const auto tokens = settings.prompt_len + settings.gen_len, batch = settings.batch_size;
  const auto hidden = app::hidden_size_of(*model.config);
  const int64_t none = 0;
  const auto layers = model.config->i64("num_hidden_layers|n_layer", &none),
             vocabulary = model.config->i64("vocab_size", &none);
  return {{"model", model.run_bytes(dtype)},
          {"cache", cache},
          {"hidden", formula_hidden_bytes(batch, tokens, hidden) * dtype.bits / 16},
          {"formula_model", formula_model_bytes(layers, hidden, vocabulary)},
          {"formula_cache", formula_cache_bytes(batch, tokens, layers, hidden)}};
}

std::string text_of(const nlohmann::json& m, const nlohmann::json& sizes, double peak) {
  char text[640];
  const auto bytes = [&](const char* key) { return sizes[key].get<double>() / gib; };
  const auto get = [&](const char* key) { return m[key].get<double>(); };
  std::snprintf(text, sizeof text,
                "model size: %.3f GB\tcache size: %.3f GB\thidden size (p): %.3f GB\n"
                "peak gpu mem: %.3f GB\tprefill latency: %.3f s\tprefill throughput: %.3f token/s\n"
                "decode latency: %.3f s\tdecode throughput: %.3f token/s\n"
                "total latency: %.3f s\ttotal throughput: %.3f token/s\n",
                bytes("model"), bytes("cache"), bytes("hidden"), peak / gib,
                get("prefill_latency_s"), get("prefill_tokens_per_s"), get("decode_latency_s"),
                get("decode_tokens_per_s"), get("total_latency_s"), get("total_tokens_per_s"));
  return text;
}

void bench_on(const BenchOptions& settings, const Team& team) {
  auto plugins = open_plugins(settings);
  auto model = open_model(settings, settings, plugins, true);
  team.check(model, plugins);
  make_up(model);
  auto planned = app::plan_run(settings, model, capacity_of(largest_share(settings, team.ranks())),
                               plugins, team.group().get());
  const auto asked = app::asked_of(planned);
  const auto session =
      open_session(settings, model, std::move(planned), plugins, true, team.group());
  run::GenerateRequest request;
  request.new_tokens = settings.gen_len;
  const auto [first, last] = team.block(static_cast<std::size_t>(settings.batch_size));
  request.first_row = first;
  for (auto row = static_cast<int64_t>(first); row < static_cast<int64_t>(last); ++row) {
    std::vector<int32_t> prompt;
    for (int64_t at = 0; at < settings.prompt_len; ++at)
      prompt.push_back(static_cast<int32_t>((at * 7919 + row * 104729) % session->vocabulary()));
    request.prompts.push_back(std::move(prompt));
  }
  auto loops = nlohmann::json::array();
  run::GenerateResult result;
  for (int64_t loop = 0; loop < settings.loops; ++loop) {
    result = run::generate(*session, request);
    auto slowest = result;
    take_slowest(slowest, team);
    loops.push_back(measures(settings, slowest));
    loops.back()["moved"] = {{"decode", result.decode.counted}, {"steps", result.steps}};
  }
  auto own = app::report(*session, plugins, asked, result);
  if (!settings.cores.is_null()) own["cores"] = settings.cores;
  const auto full = joined_report(team.all(own));
  if (!team.prints()) return;
  app::write_trace(settings.trace, *session);
  const auto sizes =
      sizes_of(settings, model, asked.wish.dtype, session->prepared().kv_bytes * team.ranks());
  if (settings.json) return print_json({{"loops", loops}, {"sizes", sizes}, {"report", full}});
  print(text_of(loops.back(), sizes, full["peak"]["device"]["bytes"].get<double>()));
}

void bench(const BenchOptions& settings) {
  on_ranks(settings, settings, [&](const Team& team) { bench_on(settings, team); });
}

}  // namespace

const cli::Command bench_command{"bench",
                                 "MODEL --dummy [options]",
                                 "measure a run with made-up weights",
                                 cli::make_call<BenchOptions, options, check, bench>,
                                 "model",
                                 respell_ranks};

}  // namespace strata::host
