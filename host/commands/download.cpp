#include "hub/download.hpp"

#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/options/opening.hpp"
#include "host/process/output.hpp"
#include "host/process/progress.hpp"

namespace strata::host {

namespace {

struct DownloadOptions : ModelCommand {};

void options(cli::Table& table, DownloadOptions& o) {
  add_model(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const DownloadOptions& o) { cli::require(!o.model.empty(), "MODEL", "write ORG/NAME"); }

void download(const DownloadOptions& settings) {
  std::string file;
  std::optional<Progress> progress;
  const auto folder = hub::download(hub::hub_of_environment(), settings.model, settings.revision,
                                    [&](const std::string& name, uint64_t done, uint64_t all) {
                                      if (name != file) progress.emplace(file = name, "bytes");
                                      progress->at(done, all);
                                      if (done == all) progress->end();
                                    });
  if (settings.json) return print_json({{"path", folder.string()}});
  print(folder.string() + "\n");
}

}  // namespace

const cli::Command download_command{
    "download", "ORG/NAME [options]",
    "download a model from a hub to the cache that Hugging Face's programs share",
    cli::make_call<DownloadOptions, options, check, download>, "model"};

}  // namespace strata::host
