#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/report.hpp"
#include "app/token_ids.hpp"
#include "app/trace.hpp"
#include "core/error.hpp"
#include "core/run/generation.hpp"
#include "core/run/generation_config.hpp"
#include "core/source/dtype.hpp"
#include "core/source/output.hpp"
#include "core/source/safetensors.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/options/input_ids.hpp"
#include "host/options/opening.hpp"
#include "host/options/output_option.hpp"
#include "host/process/output.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {
namespace {

struct LogitsOptions : ModelCommand, RunOptions {
  std::vector<cli::Ids> input_ids;
  std::string output;
  std::int64_t num_padding_at_beginning = 0;
};

void options(cli::Table& table, LogitsOptions& o) {
  add_model(table, o);
  add_input_ids(table, o.input_ids);
  add_output(table, o.output);
  add_run(table, o);
  add_in_place(table, o);
  add_critic(table, o);
  add_padding_at_beginning(table, o.num_padding_at_beginning);
  add_dropout(table, o);
  add_ranks(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const LogitsOptions& o) {
  require_model(o);
  cli::require(!o.input_ids.empty(), "--input-ids", "give token ids as \"1,2,3\"");
  if (o.input_ids.size() > 1) throw UsageError("--input-ids", "given twice", "give one list");
  cli::require(!o.output.empty(), "--output", "give the .safetensors file to write");
}

source::Tensor float32_tensor(std::string name, std::vector<std::int64_t> shape) {
  source::Tensor out;
  out.name = std::move(name);
  out.shape = std::move(shape);
  out.stored = source::dense_form(source::f32, out.shape);
  return out;
}

// The index of the last token of the sequence that a critic judges: it lies before the first
// padding token, not counting those that pad the beginning. The end-of-text token is the padding
// token.
std::size_t end_of(const std::vector<int32_t>& ids, const std::vector<int32_t>& pads,
                   std::int64_t at_beginning) {
  for (std::size_t at = 0; at < ids.size(); ++at)
    if (std::ranges::find(pads, ids[at]) != pads.end() && at_beginning-- == 0)
      return std::max<std::size_t>(at, 1) - 1;
  return ids.size() - 1;
}

// The logits of the ids on rank 0, in spans of rows; the other ranks take part in its passes.
void compute(const LogitsOptions& settings, run::Session& session, const Team& team,
             const std::function<void(std::span<const float>)>& take) {
  if (team.prints()) run::all_logits(session, settings.input_ids.front(), take);
  while (session.follow()) {
  }
}

// `values` [S], and `end_score` [1], the value of the last token before the padding.
void write_values(const LogitsOptions& settings, run::Session& session, const Team& team) {
  const auto& ids = settings.input_ids.front();
  std::vector<float> values;
  compute(settings, session, team, [&](std::span<const float> rows) {
    values.insert(values.end(), rows.begin(), rows.end());
  });
  if (!team.prints()) return;
  values.push_back(values[end_of(ids, run::token_ids(*session.model().config, "eos_token_id"),
                                 settings.num_padding_at_beginning)]);
  const auto header = source::safetensors_header(
      std::array{float32_tensor("values", {static_cast<std::int64_t>(ids.size())}),
                 float32_tensor("end_score", {1})});
  source::AtomicFile file(settings.output);
  file.write(0, header);
  file.write(header.size(), std::as_bytes(std::span(values)));
  file.appear();
  app::write_trace(settings.trace, session);
}

// `logits` [S,V].
void write_logits(const LogitsOptions& settings, run::Session& session, const Team& team) {
  if (!team.prints()) return compute(settings, session, team, {});
  const auto& ids = settings.input_ids.front();
  const auto header = source::safetensors_header(std::array{
      float32_tensor("logits", {static_cast<std::int64_t>(ids.size()), session.vocabulary()})});
  source::AtomicFile file(settings.output);
  file.write(0, header);
  uint64_t at = header.size();
  compute(settings, session, team, [&](std::span<const float> rows) {
    file.write(at, std::as_bytes(rows));
    at += rows.size_bytes();
  });
  file.appear();
  app::write_trace(settings.trace, session);
}

void logits_on(const LogitsOptions& settings, const Team& team) {
  auto plugins = open_plugins(settings);
  const auto model = open_model(settings, settings, plugins);
  team.check(model, plugins);
  const auto& ids = settings.input_ids.front();
  app::check_ids(ids, model, "--input-ids");
  const auto tokens = static_cast<int64_t>(ids.size());
  auto planned = app::plan_run(
      settings, model, {.sequences = 1, .tokens = tokens, .prompt = tokens, .all_logits = true},
      plugins, team.group().get());
  const auto session =
      open_session(settings, model, std::move(planned), plugins, false, team.group());
  (settings.critic ? write_values : write_logits)(settings, *session, team);
  if (settings.json && team.prints()) print_json({{"output", settings.output}, {"tokens", tokens}});
}

void logits(const LogitsOptions& settings) {
  on_ranks(settings, settings, [&](const Team& team) { logits_on(settings, team); });
}

}  // namespace

const cli::Command logits_command{"logits",
                                  "MODEL --input-ids IDS --output FILE.safetensors [options]",
                                  "write the logits of token ids",
                                  cli::make_call<LogitsOptions, options, check, logits>,
                                  "model",
                                  respell_ranks};

}  // namespace strata::host
