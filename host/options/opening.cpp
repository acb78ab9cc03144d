#include "host/options/opening.hpp"

#include "app/open_model.hpp"
#include "app/trace.hpp"
#include "host/process/progress.hpp"
#include "host/process/stderr_log.hpp"

namespace strata::host {

app::PluginOptions plugin_options(const cli::CommonOptions& options) {
  app::PluginOptions out{.paths = options.plugin_paths,
                         .allowed = options.plugins_allow,
                         .patience = options.plugin_patience,
                         .settings = {}};
  for (const auto& [section, table] : options.plugin_tables) out.settings[section] = table.dump();
  return out;
}

app::Plugins open_plugins(const cli::CommonOptions& options) {
  return app::Plugins(plugin_options(options), stderr_log(options.verbose, options.rank));
}

ModelOptions model_options(const ModelCommand& options) {
  ModelOptions out = options;
  if (!options.config_keys.empty()) out.config_overrides = options.config_keys.dump();
  return out;
}

run::Model open_model(const ModelCommand& options, app::Plugins& plugins, bool shapes,
                      bool resolved) {
  return app::open_model(model_options(options), plugins, shapes, resolved);
}

run::Model open_model(const ModelCommand& options, const RunOptions& run, app::Plugins& plugins,
                      bool shapes) {
  auto model = model_options(options);
  model.quant = quant_options(run, run.threads);
  Progress progress("quantizing", "bytes", options.rank == 0);
  auto out = app::open_model(model, plugins, shapes, true,
                             [&](uint64_t done, uint64_t all) { progress.at(done, all); });
  progress.end();
  return out;
}

std::unique_ptr<run::Session> open_session(const RunOptions& options, const run::Model& model,
                                           app::Planned planned, app::Plugins& plugins, bool dummy,
                                           const std::shared_ptr<run::Group>& group) {
  app::need_trace_place(options.trace);
  app::RunOptions run = options;
  run.timeline = !options.trace.empty();
  Progress progress("loading", "bytes", !group || group->ranks().rank == 0);
  auto session = app::open_session(
      run, model, std::move(planned), dummy, plugins,
      [&](uint64_t done, uint64_t all) { progress.at(done, all); }, group);
  progress.end();
  return session;
}

}  // namespace strata::host
