#include "host/check/check.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/check/child.hpp"
#include "host/process/program_folder.hpp"
#include "registry/manifest.hpp"

namespace strata::check {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Adds a line of the child to the results; a check that began counts as failed until it is done.
void take(std::vector<Result>& results, std::string_view line) {
  const auto object = json::parse(line, nullptr, false);
  if (!object.is_object() || !object.contains("name") || !object["name"].is_string()) return;
  const auto name = object["name"].get<std::string>();
  if (!object.contains("ok")) {
    results.push_back({name, Verdict::failed, {}});
  } else if (!results.empty() && results.back().name == name) {
    results.back().verdict = object.value("ok", false) ? Verdict::passed : Verdict::failed;
    results.back().words = object.value("words", "");
  }
}

// The path of a kind's conformance program, in an installation or in a build tree.
fs::path conformance_program(const std::string& kind) {
  const auto folder = host::program_folder();
  const auto installed = folder.parent_path() / "libexec/strata" / ("conformance-" + kind);
  return fs::exists(installed) ? installed : folder / ("conformance-" + kind);
}

// The rules that the plugin breaks, each by its name; a single result if it breaks none.
std::vector<Result> run_conformance(const fs::path& manifest_file,
                                    std::chrono::milliseconds limit) {
  const auto manifest = registry::read_manifest(manifest_file);
  const auto program = conformance_program(manifest.kind);
  if (!fs::exists(program))
    return {{"conformance", Verdict::skipped, program.filename().string() + " is not installed"}};
  std::vector<std::string> command{program.string(),
                                   "--plugin",
                                   (manifest_file.parent_path() / manifest.library).string(),
                                   "--out",
                                   "/dev/null",
                                   "--report",
                                   std::to_string(report_fd)};
  auto configurations = manifest_file;  // the plugin's conformance.toml, as it is installed
  configurations.replace_extension(".conformance.toml");
  if (fs::exists(configurations))
    command.insert(command.end(), {"--options", configurations.string()});
  std::vector<Result> rules;
  bool ended = false;
  const auto end = run_child(command, limit, [&](std::string_view line) {
    ended = line.find("end of the rules") != std::string_view::npos;
    take(rules, line);
  });
  // The dynamic loader ends with 127 if it does not find a library of the program itself.
  if (rules.empty() && end == "ended with status 127")
    return {{"conformance", Verdict::skipped,
             program.filename().string() + " cannot be started: LibTorch is not where it looks"}};
  std::vector<Result> broken;
  for (auto& rule : rules)
    if (rule.verdict == Verdict::failed)
      broken.push_back({"conformance: " + rule.name, Verdict::failed, rule.words});
  const auto how = end.empty() ? std::string("the plugin ended the process") : end;
  if (!ended && !broken.empty() && !rules.empty() && rules.back().verdict == Verdict::failed)
    broken.back().words += (broken.back().words.empty() ? "" : ": ") + how;
  else if (!ended || (broken.empty() && !end.empty()))
    broken.push_back({"conformance", Verdict::failed, how});
  if (broken.empty())
    broken.push_back({"conformance", Verdict::passed, std::to_string(rules.size()) + " rules"});
  return broken;
}

}  // namespace

std::vector<Result> check_plugin(const fs::path& path, std::chrono::milliseconds limit) {
  const auto manifest = registry::manifest_of_named(path, "plugins check");
  std::vector<Result> results;
  bool begun = false;
  const auto program = fs::read_symlink("/proc/self/exe").string();
  const auto end =
      run_child({program, "--probe-plugin", manifest.string()}, limit, [&](std::string_view line) {
        begun = line.find("\"ok\"") == std::string_view::npos;
        take(results, line);
      });
  if (begun && !results.empty())
    results.back().words = end.empty() ? "the plugin ended the process" : end;
  else if (!end.empty())
    results.push_back({"end", Verdict::failed, end});
  const bool good = std::all_of(results.begin(), results.end(),
                                [](const Result& one) { return one.verdict == Verdict::passed; });
  if (!good || results.empty()) return results;
  for (auto& one : run_conformance(manifest, limit)) results.push_back(std::move(one));
  return results;
}

}  // namespace strata::check
