// Opens plugins, a model and a session as the options of a command say.
#pragma once
#include <memory>

#include "app/open_session.hpp"
#include "host/cli/common_options.hpp"
#include "host/options/model_options.hpp"
#include "host/options/run_options.hpp"

namespace strata::host {

// The options of every command about a model.
struct ModelCommand : cli::CommonOptions, ModelOptions {};

// Which plugins may be used, and their own options.
app::PluginOptions plugin_options(const cli::CommonOptions& options);
// The plugins, which log to standard error.
app::Plugins open_plugins(const cli::CommonOptions& options);

// The model's options, with the keys of [config].
ModelOptions model_options(const ModelCommand& options);
// As app::open_model.
run::Model open_model(const ModelCommand& options, app::Plugins& plugins, bool shapes = false,
                      bool resolved = true);
// The same with the weights quantized as the run's options say, and with the progress of that on
// standard error, of rank 0 alone.
run::Model open_model(const ModelCommand& options, const RunOptions& run, app::Plugins& plugins,
                      bool shapes = false);

// As app::open_session, with the progress of loading on standard error, of rank 0 alone.
std::unique_ptr<run::Session> open_session(const RunOptions& options, const run::Model& model,
                                           app::Planned planned, app::Plugins& plugins,
                                           bool dummy = false,
                                           const std::shared_ptr<run::Group>& group = {});

}  // namespace strata::host
