// The plugins of a run: each is opened once and kept to the end.
#pragma once
#include <strata/abi/draft/attention.h>
#include <strata/abi/draft/quant.h>
#include <strata/abi/model.h>
#include <strata/abi/offload.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/log.hpp"
#include "app/process_host.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/watch.hpp"
#include "core/tier/client.hpp"
#include "registry/library.hpp"
#include "registry/plugin_options.hpp"
#include "registry/registry.hpp"

namespace strata::app {

// The plugins that these options can use.
registry::Registry open_registry(const PluginOptions& options);

// It must outlive everything that was made with its plugins. [main-thread]
class Plugins {
 public:
  explicit Plugins(const PluginOptions& options, Log log = Log());

  const registry::Registry& registry() const { return registry_; }
  const strata_host* host() const { return process_host(); }
  const Log& log() const { return log_; }

  // The plugin's table; opens the plugin if it is not open yet.
  template <class Table>
  const Table* table(const registry::Candidate& candidate) {
    return open(candidate).table_as<Table>();
  }
  // A new tier of the plugin, with the options of its table in run.toml and `extra` ones.
  std::unique_ptr<tier::Tier> open_tier(const registry::Candidate& candidate,
                                        const nlohmann::json& extra = nlohmann::json::object());
  // The family's table, after the family got its options.
  const strata_model* family(const registry::Candidate& candidate);
  // The score of an offload plugin with its options on this machine.
  int score_tier(const registry::Candidate& candidate);

  // Marks a plugin as used by this run; report() lists those, with versions and hashes.
  void use(const registry::Candidate& candidate);
  nlohmann::json report() const;

 private:
  registry::Plugin& open(const registry::Candidate& candidate);
  const strata_config* options_for(const registry::Candidate& candidate,
                                   registry::EmitOptions declared, const nlohmann::json& extra);

  struct Options {
    Options(Json options, std::string name)
        : values(std::move(options), std::move(name)), handle{&values} {}
    source::Config values;
    strata_config handle;
  };

  registry::PluginTables tables_;
  std::chrono::seconds patience_;
  Log log_;
  plugin::Watch watch_;
  registry::Registry registry_;
  PluginLog plugin_log_;
  registry::Loader loader_;
  std::vector<std::unique_ptr<Options>> plugin_options_;
  std::map<const registry::Candidate*, registry::Plugin> plugins_;
  std::vector<const registry::Candidate*> used_;
};

}  // namespace strata::app
