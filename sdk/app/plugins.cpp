#include "app/plugins.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/words.hpp"

namespace strata::app {
namespace {

registry::PluginTables tables_of(const PluginOptions& options) {
  registry::PluginTables out;
  for (const auto& [section, text] : options.settings) {
    out[section] = parse_settings(text, "[" + section + "]");
    if (!out[section].is_object())
      throw UsageError("[" + section + "]", "its options are no JSON object",
                       R"(write {"key": value})");
  }
  return out;
}

registry::Registry registry_of(const PluginOptions& options, const registry::PluginTables& tables) {
  registry::Sources sources;
  sources.named = options.paths;
  sources.allowed = options.allowed;
  registry::Registry registry(sources);
  registry::check_plugin_tables(tables, registry);
  return registry;
}

}  // namespace

registry::Registry open_registry(const PluginOptions& options) {
  return registry_of(options, tables_of(options));
}

Plugins::Plugins(const PluginOptions& options, Log log)
    : tables_(tables_of(options)), patience_(options.patience), log_(std::move(log)),
      watch_(patience_, [this](std::string_view words) { log_.line(STRATA_WARN, words); }),
      registry_(registry_of(options, tables_)), plugin_log_(log_) {
  registry_.require_named();
}

registry::Plugin& Plugins::open(const registry::Candidate& candidate) {
  const auto known = plugins_.find(&candidate);
  if (known != plugins_.end()) return known->second;
  return plugins_.emplace(&candidate, loader_.open(candidate, host())).first->second;
}

// The values of the plugin's table in run.toml, checked against its declared keys, completed by
// those of `extra` that the plugin declares.
const strata_config* Plugins::options_for(const registry::Candidate& candidate,
                                          registry::EmitOptions emit, const nlohmann::json& extra) {
  const auto section = candidate.manifest.kind + "." + candidate.manifest.name;
  const auto declared = registry::declared_options(candidate.id(), emit);
  auto values =
      registry::checked_options(section, registry::raw_options(tables_, candidate), declared);
  for (const auto& [key, value] : extra.items())
    if (std::ranges::find(declared, key, &registry::PluginOption::key) != declared.end() &&
        !values.contains(key))
      values[key] = value;
  plugin_options_.push_back(std::make_unique<Options>(std::move(values), "[" + section + "]"));
  return &plugin_options_.back()->handle;
}

std::unique_ptr<tier::Tier> Plugins::open_tier(const registry::Candidate& candidate,
                                               const nlohmann::json& extra) {
  const auto* tier = table<strata_offload>(candidate);
  return std::make_unique<tier::Tier>(candidate.manifest.name, tier,
                                      options_for(candidate, tier->options, extra), host(),
                                      patience_);
}

const strata_model* Plugins::family(const registry::Candidate& candidate) {
  const bool fresh = !plugins_.contains(&candidate);
  const auto* family = table<strata_model>(candidate);
  if (!fresh) return family;
  const auto* given = options_for(
      candidate, STRATA_HAS(strata_model, family, options) ? family->options : nullptr, {});
  if (!STRATA_HAS(strata_model, family, configure)) return family;
  const auto id = candidate.id();
  if (plugin::called(id, "configure", [&] { return family->configure(host(), given); }) !=
      STRATA_OK)
    throw UsageError("[model." + candidate.manifest.name + "]", plugin::take_words(), "");
  return family;
}

int Plugins::score_tier(const registry::Candidate& candidate) {
  const auto* tier = table<strata_offload>(candidate);
  const auto id = candidate.id();
  const auto* given = options_for(candidate, tier->options, nlohmann::json::object());
  return plugin::called(id, "score", [&] { return tier->score(given); });
}

void Plugins::use(const registry::Candidate& candidate) {
  if (std::ranges::find(used_, &candidate) == used_.end()) used_.push_back(&candidate);
}

nlohmann::json Plugins::report() const {
  auto out = nlohmann::json::array();
  for (const auto* one : used_)
    out.push_back({{"kind", one->manifest.kind},
                   {"name", one->manifest.name},
                   {"version", one->manifest.version},
                   {"sha256", one->manifest.sha256}});
  return out;
}

}  // namespace strata::app
