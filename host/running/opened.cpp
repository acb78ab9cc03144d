#include "host/running/opened.hpp"

#include <algorithm>

#include "host/commands/commands.hpp"
#include "host/registry/plugin_options.hpp"

namespace strata::host {

Opened::Opened(const cli::Settings& settings)
    : settings_(settings), log_(settings.verbose), registry_(open_registry(settings)),
      host_(source::config_table(),
            [this](int32_t level, std::string_view words) { log_.line(level, words); }) {
  registry_.require_named();
}

registry::Plugin& Opened::open(const registry::Candidate& candidate) {
  const auto known = plugins_.find(&candidate);
  if (known != plugins_.end()) return known->second;
  return plugins_.emplace(&candidate, loader_.open(candidate, host())).first->second;
}

// What the user wrote in the plugin's table, where it is a key that the plugin declares, and
// `extra` ones.
const strata_config* Opened::options(const registry::Candidate& candidate,
                                     const nlohmann::json& extra) {
  const auto section = candidate.manifest.kind + "." + candidate.manifest.name;
  auto values = registry::raw_options(settings_, candidate);
  if (candidate.manifest.kind == "offload") {
    const auto declared = registry::declared_options(*table<strata_offload>(candidate));
    values = registry::checked_options(section, values, declared);
    for (const auto& [key, value] : extra.items())
      if (std::ranges::find(declared, key, &registry::PluginOption::key) != declared.end() &&
          !values.contains(key))
        values[key] = value;
  }
  options_.push_back(
      std::make_unique<Options>(Options{source::Config(values.dump(), "[" + section + "]"), {}}));
  options_.back()->handle.values = &options_.back()->values;
  return &options_.back()->handle;
}

std::unique_ptr<tier::Tier> Opened::open_tier(const registry::Candidate& candidate,
                                              const nlohmann::json& extra) {
  return std::make_unique<tier::Tier>(candidate.manifest.name, table<strata_offload>(candidate),
                                      options(candidate, extra), host());
}

int Opened::score_tier(const registry::Candidate& candidate) {
  return table<strata_offload>(candidate)->score(options(candidate, nlohmann::json::object()));
}

void Opened::use(const registry::Candidate& candidate) {
  if (std::ranges::find(used_, &candidate) == used_.end()) used_.push_back(&candidate);
}

nlohmann::json Opened::report() const {
  auto out = nlohmann::json::array();
  for (const auto* one : used_)
    out.push_back({{"kind", one->manifest.kind},
                   {"name", one->manifest.name},
                   {"version", one->manifest.version},
                   {"sha256", one->manifest.sha256}});
  return out;
}

}  // namespace strata::host
