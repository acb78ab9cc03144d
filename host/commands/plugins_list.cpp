#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/plugins.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/padded.hpp"
#include "host/options/opening.hpp"
#include "host/process/output.hpp"

namespace strata::host {
namespace {

using nlohmann::json;
using registry::Candidate;

struct ListOptions : cli::CommonOptions {};

void options(cli::Table& table, ListOptions& o) {
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const ListOptions&) {}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out.append(out.empty() ? "" : ",").append(word);
  return out;
}

// A candidate's state: "usable", "only by name", or why it is not used.
std::string state(const Candidate& candidate) {
  if (!candidate.refused.empty()) return "refused: " + candidate.refused;
  if (!candidate.lost.empty()) return "not used: " + candidate.lost;
  return candidate.manifest.only_by_name ? "only by name" : "usable";
}

std::string line(const Candidate& candidate, bool verbose) {
  const auto& manifest = candidate.manifest;
  auto out = padded(manifest.kind, 11) + padded(manifest.name, 17) + padded(manifest.version, 9) +
             joined(manifest.keys);
  if (verbose)
    out += "\n  " + candidate.manifest_file.string() + " (" +
           std::string(registry::origin_text(candidate.origin)) + ")\n  " + state(candidate);
  return out + "\n";
}

json object(const Candidate& candidate) {
  const auto& manifest = candidate.manifest;
  return {{"kind", manifest.kind},
          {"name", manifest.name},
          {"version", manifest.version},
          {"vendor", manifest.vendor},
          {"sha256", manifest.sha256},
          {"keys", manifest.keys},
          {"only_by_name", manifest.only_by_name},
          {"manifest", candidate.manifest_file.string()},
          {"library", candidate.library.string()},
          {"origin", registry::origin_text(candidate.origin)},
          {"usable", candidate.usable()},
          {"state", state(candidate)}};
}

void list_plugins(const ListOptions& settings) {
  const auto registry = app::open_registry(plugin_options(settings));
  auto list = json::array();
  std::string text;
  for (const auto& candidate : registry.candidates()) {
    if (!candidate.usable() && !settings.verbose) continue;
    list.push_back(object(candidate));
    text += line(candidate, settings.verbose);
  }
  if (settings.json) return print_json({{"plugins", list}});
  print(text.empty() ? "no plugins\n" : text);
}

}  // namespace

const cli::Command plugins_list_command{
    "plugins list", "[-v] [--json] [options]",
    "list the plugins; with -v every candidate and why it was not chosen",
    cli::make_call<ListOptions, options, check, list_plugins>};

}  // namespace strata::host
