#include "host/hub/download.hpp"

#include "host/commands/commands.hpp"
#include "host/output.hpp"
#include "host/progress.hpp"

namespace strata::host {

void download(const cli::Settings& settings) {
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

}  // namespace strata::host
