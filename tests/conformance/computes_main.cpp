#define CATCH_CONFIG_RUNNER
#include <dlfcn.h>
#include <toml++/toml.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/conformance/computes.hpp"
#include "tests/conformance/report.hpp"

Computes& computes() {
  static Computes one;
  return one;
}

std::string plugin_name() { return std::string(strata::text_of(computes().plugin->name)); }

namespace {

// The JSON has the keys of an entry's config, or all of the entry's.
std::vector<Configuration> configurations(const toml::table& file, const char* key,
                                          bool whole = false) {
  std::vector<Configuration> out;
  const auto* list = file[key].as_array();
  if (!list) return out;
  for (const auto& node : *list) {
    const auto& entry = *node.as_table();
    std::ostringstream json;
    json << toml::json_formatter{whole ? entry : *entry["config"].as_table()};
    out.push_back({entry["name"].value_or(std::string("unnamed")), json.str(),
                   entry["says"].value_or(std::string())});
  }
  return out;
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
  void* library = ::dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library)
    computes().plugin = static_cast<const strata_plugin*>(::dlsym(library, "strata_plugin_v1"));
  if (!computes().plugin) return refuse(plugin, ::dlerror());
  if (options.empty())
    return refuse("conformance.toml",
                  "it is missing: write it with a [[configuration]] to run under");
  try {
    const auto file = toml::parse_file(options);
    computes().taken = configurations(file, "configuration");
    computes().refused = configurations(file, "refused");
    computes().recognized = configurations(file, "recognized", true);
  } catch (const std::exception& e) {
    return refuse(options, e.what());
  }
  if (computes().taken.empty() && computes().recognized.empty())
    return refuse(options, "no [[configuration]] to run under");
  const int status = session.run();
  report_end();
  return status;
}
