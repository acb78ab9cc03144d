#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "host/check/check.hpp"
#include "host/commands/commands.hpp"
#include "host/output.hpp"
#include "host/registry/plugin_options.hpp"

namespace strata::host {
namespace {

using nlohmann::json;
using registry::Candidate;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out.append(out.empty() ? "" : ",").append(word);
  return out;
}

// What became of a candidate: "usable", "only by name", or why it is not used.
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

std::string_view verdict_text(check::Verdict verdict) {
  switch (verdict) {
    case check::Verdict::passed:
      return "passed";
    case check::Verdict::failed:
      return "FAILED";
    case check::Verdict::skipped:
      return "skipped";
  }
  return "";
}

}  // namespace

registry::Registry open_registry(const cli::Settings& settings) {
  registry::Sources sources;
  sources.named = settings.plugin_paths;
  sources.allowed = settings.plugins_allow;
  registry::Registry registry(sources);
  registry::check_plugin_tables(settings, registry);
  return registry;
}

void list_plugins(const cli::Settings& settings) {
  const auto registry = open_registry(settings);
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

int check_plugin(const cli::Settings& settings) {
  const auto results =
      check::check_plugin(settings.plugin, std::chrono::seconds(settings.time_limit));
  const bool passed = std::none_of(results.begin(), results.end(), [](const check::Result& one) {
    return one.verdict == check::Verdict::failed;
  });
  auto list = json::array();
  std::string text;
  for (const auto& one : results) {
    auto verdict = std::string(verdict_text(one.verdict));
    text += padded(verdict, 8) + one.name + (one.words.empty() ? "" : ": " + one.words) + "\n";
    std::transform(verdict.begin(), verdict.end(), verdict.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    list.push_back({{"check", one.name}, {"result", verdict}, {"words", one.words}});
  }
  if (settings.json)
    print_json({{"passed", passed}, {"checks", list}});
  else
    print(text);
  if (!passed)
    print_error(
        Error(printable(settings.plugin), "is not a sound plugin", "mend the checks that failed")
            .what());
  return passed ? 0 : 1;
}

}  // namespace strata::host
