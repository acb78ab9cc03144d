#define CATCH_CONFIG_RUNNER
#include <dlfcn.h>
#include <stdlib.h>
#include <toml++/toml.h>

#include <catch2/catch.hpp>

#include "tests/conformance/report.hpp"
#include "tests/conformance/subject.hpp"

Subject& subject() {
  static Subject one;
  return one;
}

std::filesystem::path make_scratch() {
  auto path = (std::filesystem::current_path() / "scratch-XXXXXX").string();
  if (!::mkdtemp(path.data())) throw std::runtime_error(path + ": no folder can be made here");
  return path;
}

namespace {

void read_runs(const std::string& file, Subject& to) {
  const auto table = toml::parse_file(file);
  const auto* runs = table["run"].as_array();
  if (!runs) return;
  for (const auto& node : *runs) {
    const auto& entry = *node.as_table();
    Run run;
    run.name = entry["name"].value_or("unnamed");
    run.stores = entry["stores"].value_or(true);
    if (const auto* options = entry["options"].as_table())
      for (const auto& [key, value] : *options) {
        auto& slot = run.options.values[std::string(key.str())];
        if (const auto text = value.value_exact<std::string>())
          slot = *text == "${scratch}" ? to.scratch.string() : *text;
        else if (const auto flag = value.value_exact<bool>())
          slot = std::int64_t{*flag};
        else if (const auto number = value.value_exact<std::int64_t>())
          slot = *number;
        else
          slot = value.value<double>().value();
      }
    to.runs.push_back(std::move(run));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Catch::Session session;
  std::string plugin, options;
  session.cli(session.cli() | Catch::clara::Opt(plugin, "file")["--plugin"]("the plugin") |
              Catch::clara::Opt(options, "file")["--options"]("its conformance.toml") |
              Catch::clara::Opt(report_descriptor(),
                                "number")["--report"]("descriptor that gets each rule in JSON"));
  if (const int status = session.applyCommandLine(argc, argv)) return status;
  auto& s = subject();
  s.file = std::filesystem::absolute(plugin);
  void* library = ::dlopen(s.file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library) s.plugin = static_cast<const strata_plugin*>(::dlsym(library, "strata_plugin_v1"));
  if (!s.plugin) return refuse(s.file.string(), ::dlerror());
  s.scratch = make_scratch();
  int status = 1;
  try {
    if (!options.empty()) read_runs(options, s);
    if (s.runs.empty()) s.runs.emplace_back();
    status = session.run();
    report_end();
  } catch (const std::exception& e) {
    refuse(options, e.what());
  }
  std::filesystem::remove_all(s.scratch);
  return status;
}
