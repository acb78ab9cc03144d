#include "registry/registry.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "registry/installation.hpp"
#include "tests/folder.hpp"

using namespace strata::registry;
using strata::test::Folder;

namespace {

Registry of(const std::vector<Place>& places, std::vector<std::string> allowed = {},
            std::vector<std::string> named = {}) {
  return Registry(Sources{places, std::move(named), std::move(allowed)});
}

const Candidate& only(const Registry& registry) {
  REQUIRE(registry.candidates().size() == 1);
  return registry.candidates().front();
}

}  // namespace

TEST_CASE("a family is chosen by the model type that its manifest names", "[host][registry]") {
  const Folder folder;
  folder.plugin("model", "alpha", R"(, "keys": ["a", "both"])");
  folder.plugin("model", "beta", R"(, "keys": ["b", "both"])");
  const auto registry = of({{folder.path(), Origin::built_in}});
  CHECK(registry.by_key("model", "b", "model_type").manifest.name == "beta");
  CHECK(registry.by_key("model", "both", "model_type").manifest.name == "alpha");
  CHECK_THROWS_WITH(
      registry.by_key("model", "c", "model_type"),
      "plugins: no model plugin for model_type 'c': known are a, both, b, both; --plugin "
      "FILE.so names one that lies elsewhere");
  std::string keys = R"("llama")";
  for (int i = 0; i < 300; ++i) keys += ", \"a_long_model_type_" + std::to_string(i) + '"';
  folder.plugin("model", "gamma", R"(, "keys": [)" + keys + "]");
  const auto many = of({{folder.path(), Origin::built_in}});
  CHECK_THROWS_WITH(many.by_key("model", "lama", "model_type"),
                    "plugins: no model plugin for model_type 'lama': did you mean 'llama'? `strata "
                    "plugins list` lists all; --plugin FILE.so names one that lies elsewhere");
  CHECK_THROWS_WITH(many.by_key("model", "wobble", "model_type"),
                    "plugins: no model plugin for model_type 'wobble': `strata plugins list` lists "
                    "all; --plugin FILE.so names one that lies elsewhere");
}

TEST_CASE("a score decides where no manifest or several name the key", "[host][registry]") {
  const Folder folder;
  folder.plugin("model", "alpha", R"(, "keys": ["both"])");
  folder.plugin("model", "beta", R"(, "keys": ["both"])");
  folder.plugin("model", "gamma");
  const auto registry = of({{folder.path(), Origin::built_in}});
  const auto score = [](const Candidate& one) {
    if (one.manifest.name == "alpha") throw std::runtime_error("broken");
    return one.manifest.name == "gamma" ? 9 : 2;
  };
  CHECK(registry.by_key("model", "both", "model_type", score).manifest.name == "beta");
  CHECK(registry.by_key("model", "new", "model_type", score).manifest.name == "gamma");
  CHECK_THROWS_AS(registry.by_key("model", "new", "model_type", [](const Candidate&) { return 0; }),
                  strata::UsageError);
}

TEST_CASE("a plugin that is only for its name is never chosen otherwise", "[host][registry]") {
  const Folder folder;
  folder.plugin("model", "nothing", R"(, "keys": ["a"], "only_by_name": true)");
  const auto registry = of({{folder.path(), Origin::built_in}});
  CHECK(registry.by_name("model", "nothing").manifest.name == "nothing");
  CHECK(registry.of_kind("model").empty());
  CHECK_THROWS_AS(registry.by_key("model", "a", "model_type", [](const Candidate&) { return 1; }),
                  strata::UsageError);
}

TEST_CASE("an unknown name is refused with those that are known", "[host][registry]") {
  const Folder folder;
  folder.plugin("offload", "alpha");
  folder.plugin("offload", "beta");
  const auto registry = of({{folder.path(), Origin::built_in}});
  CHECK_THROWS_WITH(registry.by_name("offload", "gamma"),
                    "plugins: no offload plugin 'gamma': known are alpha, beta");
  CHECK_THROWS_WITH(registry.by_name("quant", "alpha"),
                    "plugins: no quant plugin 'alpha': known are none");
}

TEST_CASE("a broken manifest is refused with its reason and hides no other", "[host][registry]") {
  const Folder folder;
  folder.plugin("model", "sound", R"(, "keys": ["a"])");
  folder.write("strata-model-broken.json", "{");
  folder.write("strata-model-empty.json", "");
  folder.write("strata-printer-x.json", "{");
  folder.write("other.json", "{");
  const auto registry = of({{folder.path(), Origin::built_in}});
  REQUIRE(registry.candidates().size() == 3);
  CHECK(registry.by_key("model", "a", "model_type").manifest.name == "sound");
  CHECK_THROWS_WITH(registry.by_name("model", "broken"),
                    Catch::StartsWith("plugins: model plugin 'broken' is refused: ") &&
                        Catch::Contains("is no JSON"));
}

TEST_CASE("of two plugins with one name the earlier place wins, unless it is refused",
          "[host][registry]") {
  const Folder first, second;
  first.plugin("model", "same");
  second.plugin("model", "same");
  const std::vector<Place> places{{first.path(), Origin::built_in},
                                  {second.path(), Origin::built_in}};
  const auto both = of(places);
  CHECK(both.by_name("model", "same").library.parent_path() == first.path());
  CHECK(both.candidates()[1].lost ==
        (first.path() / "strata-model-same.so").string() + " goes before it");
  first.write("strata-model-same.json", "{");
  CHECK(of(places).by_name("model", "same").library.parent_path() == second.path());
}

TEST_CASE("a plugin from elsewhere is used only where it is named or allowed", "[host][registry]") {
  const Folder folder;
  const auto manifest = folder.plugin("model", "foreign");
  const std::vector<Place> places{{folder.path(), Origin::user}};
  CHECK_THAT(only(of(places)).refused, Catch::Contains("--plugin or in [plugins] allow"));
  CHECK(only(of(places, {"foreign"})).usable());
  CHECK(only(of({}, {}, {manifest.string()})).usable());
  CHECK(only(of({}, {}, {(folder.path() / "strata-model-foreign.so").string()})).usable());
}

TEST_CASE("a plugin from elsewhere that others can write is refused", "[host][registry]") {
  const Folder folder;
  const auto manifest = folder.plugin("model", "foreign");
  const std::vector<Place> places{{folder.path(), Origin::user}};
  const auto library = folder.path() / "strata-model-foreign.so";
  const auto reason = [&] { return only(of(places, {"foreign"})).refused; };
  REQUIRE(reason().empty());
  chmod(library.c_str(), 0664);
  CHECK_THAT(reason(), Catch::StartsWith(library.string() + " can be written by others"));
  chmod(library.c_str(), 0644);
  chmod(manifest.c_str(), 0646);
  CHECK_THAT(reason(), Catch::StartsWith(manifest.string() + " can be written by others"));
  chmod(manifest.c_str(), 0644);
  chmod(folder.path().c_str(), 0777);
  CHECK_THAT(reason(), Catch::StartsWith(folder.path().string() + " can be written by others"));
}

TEST_CASE("a plugin of another ABI major or without its library is refused", "[host][registry]") {
  const Folder folder;
  folder.plugin("model", "newer", R"(, "abi": {"major": 9, "minor": 3})");
  const auto registry = of({{folder.path(), Origin::built_in}});
  CHECK_THAT(only(registry).refused, Catch::StartsWith("it speaks ABI 9.3, this program 1.1"));
  const Folder other;
  other.plugin("model", "lost");
  std::filesystem::remove(other.path() / "strata-model-lost.so");
  CHECK_THAT(only(of({{other.path(), Origin::built_in}})).refused, Catch::Contains("is missing"));
}

TEST_CASE("a named plugin must exist and be sound", "[host][registry]") {
  const Folder folder;
  CHECK_THROWS_WITH(of({}, {}, {(folder.path() / "none.so").string()}),
                    Catch::StartsWith("--plugin: ") && Catch::Contains("no such file"));
  CHECK_THROWS_WITH(of({}, {}, {folder.path().string()}),
                    "--plugin: " + folder.path().string() +
                        ": is a folder: give the path of the plugin's .so, with its manifest "
                        "beside it");
  const auto bare = of({}, {}, {folder.write("bare.so", "").string()});
  CHECK_THROWS_WITH(bare.require_named(),
                    Catch::Contains("bare.json: no such file: put the plugin's manifest beside"));
  const auto broken = folder.write("strata-model-broken.json", "{");
  const auto registry = of({}, {}, {broken.string()});
  CHECK_THROWS_WITH(registry.require_named(), Catch::StartsWith("--plugin: " + broken.string()));
}

TEST_CASE("GGUF mappings of all usable manifests are gathered", "[host][registry]") {
  const Folder folder;
  folder.plugin("model", "alpha", R"(, "gguf": {"x": {"n": 1}})");
  folder.plugin("model", "beta", R"(, "gguf": {"x": {"n": 2}, "y": {"n": 3}})");
  CHECK(of({{folder.path(), Origin::built_in}}).gguf() ==
        nlohmann::json{{"x", {{"n", 1}}}, {"y", {{"n", 3}}}});
}

TEST_CASE("the parts of all codecs' schemes are gathered", "[host][registry]") {
  const Folder folder;
  folder.plugin("quant", "alpha", R"(, "parts": {"X": {"n": 1}})");
  folder.plugin("quant", "beta", R"(, "parts": {"X": {"n": 2}, "Y": {"n": 3}})");
  CHECK(of({{folder.path(), Origin::built_in}}).parts() ==
        nlohmann::json{{"X", {{"n", 1}}}, {"Y", {{"n", 3}}}});
}

TEST_CASE("plugins are looked for in named folders and beside the program alone",
          "[host][registry]") {
  const auto cwd = std::filesystem::current_path();
  setenv("STRATA_PLUGIN_PATH", "relative:/opt/plugins::", 1);
  setenv("LD_LIBRARY_PATH", "/opt/libraries", 1);
  const auto places = plugin_places();
  unsetenv("STRATA_PLUGIN_PATH");
  unsetenv("LD_LIBRARY_PATH");
  std::vector<std::filesystem::path> environment;
  for (const auto& place : places) {
    CHECK(place.folder.is_absolute());
    CHECK(place.folder != cwd);
    CHECK(place.folder != "/opt/libraries");
    if (place.origin == Origin::environment) environment.push_back(place.folder);
  }
  CHECK(environment == std::vector<std::filesystem::path>{"/opt/plugins"});
  REQUIRE(places.back().origin == Origin::built_in);
  CHECK(places.back().folder == installation_folder() / "lib/strata");
}
