#include <algorithm>
#include <cmath>

#include "app/open_tokenizer.hpp"
#include "app/report.hpp"
#include "app/text_file.hpp"
#include "app/trace.hpp"
#include "core/error.hpp"
#include "core/run/generation.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/options/opening.hpp"
#include "host/process/output.hpp"
#include "host/process/progress.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {

namespace {

struct PerplexityOptions : ModelCommand, RunOptions {
  std::string text_file;
  std::int64_t context = 512;
};

void options(cli::Table& table, PerplexityOptions& o) {
  add_model(table, o);
  table.push_back({"text-file", "perplexity.text_file", &o.text_file, "FILE", "UTF-8 text"});
  table.push_back(
      {"context", "perplexity.context", &o.context, "N", "tokens in a window", "", 2, 1e9});
  add_run(table, o);
  add_in_place(table, o);
  add_dropout(table, o);
  add_ranks(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const PerplexityOptions& o) {
  require_model(o);
  cli::require(!o.text_file.empty(), "--text-file", "give a file of UTF-8 text");
}

// The sums of all windows in the order of the text: rank r has every R-th one from r on.
std::vector<double> in_order(const std::vector<nlohmann::json>& ranks) {
  std::vector<double> out;
  for (std::size_t window = 0;; ++window) {
    const auto& own = ranks[window % ranks.size()];
    const auto at = window / ranks.size();
    if (at >= own.size()) return out;
    out.push_back(own[at].get<double>());
  }
}

void perplexity_on(const PerplexityOptions& settings, const Team& team) {
  auto plugins = open_plugins(settings);
  const auto model = open_model(settings, settings, plugins);
  team.check(model, plugins);
  const auto ids = team.from_first([&] {
    const auto tokenizer = app::open_tokenizer(*model.checkpoint, plugins.log());
    return tokenizer.encode(app::read_text_file(settings.text_file), false);
  });
  if (ids.size() < 2)
    throw Error(settings.text_file, "has fewer than 2 tokens", "give a longer text");
  const auto window = std::min<int64_t>(settings.context, static_cast<int64_t>(ids.size()));
  auto planned = app::plan_run(
      settings, model, {.sequences = 1, .tokens = window, .prompt = window, .all_logits = true},
      plugins, team.group().get());
  const auto session =
      open_session(settings, model, std::move(planned), plugins, false, team.group());
  Progress progress("perplexity", "tokens", team.prints());
  const auto sums = run::surprises(
      *session, ids, settings.context, {team.rank(), team.ranks()}, [&](int64_t done, int64_t all) {
        progress.at(static_cast<uint64_t>(done), static_cast<uint64_t>(all));
      });
  progress.end();
  const auto all = team.all(sums);
  if (!team.prints()) return;
  const auto result = run::perplexity_of(in_order(all), ids.size(), settings.context);
  app::write_trace(settings.trace, *session);
  const double value = std::exp(result.nll);
  if (settings.json)
    return print_json({{"perplexity", value}, {"tokens", result.tokens}, {"nll", result.nll}});
  print("perplexity " + std::to_string(value) + " over " + std::to_string(result.tokens) +
        " tokens\n");
}

void perplexity(const PerplexityOptions& settings) {
  on_ranks(settings, settings, [&](const Team& team) { perplexity_on(settings, team); });
}

}  // namespace

const cli::Command perplexity_command{"perplexity",
                                      "MODEL --text-file FILE [options]",
                                      "compute the perplexity of a text",
                                      cli::make_call<PerplexityOptions, options, check, perplexity>,
                                      "model",
                                      respell_ranks};

}  // namespace strata::host
