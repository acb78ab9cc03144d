#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "host/check/check.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/padded.hpp"
#include "host/process/output.hpp"

namespace strata::host {
namespace {

using nlohmann::json;

struct CheckOptions : cli::CommonOptions {
  std::string plugin;            // the library to check
  std::int64_t time_limit = 20;  // seconds
};

void options(cli::Table& table, CheckOptions& o) {
  table.push_back({"path", "", &o.plugin, "PATH", "the plugin's library or its manifest"});
  table.push_back({"time-limit", "plugins.time_limit", &o.time_limit, "SECONDS",
                   "time limit for all checks, and again for the conformance program", "", 1,
                   86400});
  add_common(table, o);
}

void check(const CheckOptions& o) {
  cli::require(!o.plugin.empty(), "PATH", "give the library of the plugin to check");
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

void check_plugin(const CheckOptions& settings) {
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
    throw Error(printable(settings.plugin), "is not a sound plugin", "fix the checks that failed");
}

}  // namespace

const cli::Command plugins_check_command{
    "plugins check", "PATH [--json] [options]", "check a plugin in a child process",
    cli::make_call<CheckOptions, options, check, check_plugin>, "path"};

}  // namespace strata::host
