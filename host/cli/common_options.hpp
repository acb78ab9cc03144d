// The options that every command takes.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/cli/option.hpp"
#include "registry/plugin_options.hpp"

namespace strata::deepspeed {
class DsConfig;
}

namespace strata::cli {

struct CommonOptions {
  std::vector<std::string> plugin_paths;   // libraries that the user named; they may be loaded
  std::vector<std::string> plugins_allow;  // names of plugins from elsewhere that may be loaded
  std::int64_t plugin_patience = 60;       // seconds; 0: for ever
  bool json = false;
  bool verbose = false;
  std::string config;            // only on the command line
  std::vector<std::string> set;  // only on the command line

  registry::PluginTables plugin_tables;  // of run.toml
  // [config]: keys of config.json that these replace.
  nlohmann::json config_keys = nlohmann::json::object();
  // The file of --ds-config, where the command takes one and it is given.
  std::shared_ptr<const deepspeed::DsConfig> deepspeed;
  // Notes to the user about the options that were given; run() says them first.
  std::vector<std::string> notes;
  // This process's rank; above 0, it prints no results.
  std::uint32_t rank = 0;
  // The cores to which this process is bound, for the report; null where it is not.
  nlohmann::json cores;
  // The values of options that must be equal on all ranks, by their names.
  std::vector<std::pair<std::string, std::string>> shared;
  // The keys of the options that were set, whatever their values.
  std::set<std::string, std::less<>> given;
};

void add_plugin_paths(Table& table, CommonOptions& options);
// Adds all other common options.
void add_common(Table& table, CommonOptions& options);

}  // namespace strata::cli
