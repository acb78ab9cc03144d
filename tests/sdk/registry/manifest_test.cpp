#include "registry/manifest.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/folder.hpp"

using namespace strata::registry;
using nlohmann::json;

namespace {

json sound() {
  return {{"format", 1},
          {"kind", "model"},
          {"name", "tiny"},
          {"version", "1.0.0"},
          {"vendor", "Test"},
          {"library", "strata-model-tiny.so"},
          {"sha256", std::string(64, 'a')},
          {"abi", {{"major", 1}, {"minor", 0}}},
          {"keys", {"tiny", "small"}},
          {"gguf", {{"tiny", {{"names", json::object()}}}}}};
}

std::string refusal(const json& manifest) {
  try {
    parse_manifest(manifest.dump(), "m.json");
  } catch (const strata::Error& e) {
    return e.what();
  }
  return "accepted";
}

json with(const char* key, json value) {
  auto manifest = sound();
  manifest[key] = std::move(value);
  return manifest;
}

}  // namespace

TEST_CASE("a manifest is read with all that it says", "[host][registry]") {
  auto text = with("only_by_name", true);
  text["of_a_later_version"] = 1;
  const auto manifest = parse_manifest(text.dump(), "m.json");
  CHECK(manifest.kind == "model");
  CHECK(manifest.keys == std::vector<std::string>{"tiny", "small"});
  CHECK(manifest.abi_major == 1);
  CHECK(manifest.only_by_name);
  CHECK(manifest.gguf.contains("tiny"));
}

TEST_CASE("a manifest that lacks or bends a member is refused by its name", "[host][registry]") {
  for (const auto* key : {"format", "kind", "name", "version", "vendor", "library", "sha256"}) {
    auto manifest = sound();
    manifest.erase(key);
    CHECK(refusal(manifest) ==
          "m.json: '" + std::string(key) + "' is missing: install the plugin again");
  }
  CHECK_THAT(refusal(with("format", 2)), Catch::Contains("'format' is 2, this program reads 1"));
  CHECK_THAT(refusal(with("kind", "printer")), Catch::Contains("'kind' is 'printer'"));
  CHECK_THAT(refusal(with("name", "../x")), Catch::Contains("'name' has other letters"));
  CHECK_THAT(refusal(with("library", "/tmp/x.so")), Catch::Contains("'library'"));
  CHECK_THAT(refusal(with("sha256", "12")), Catch::Contains("'sha256'"));
  CHECK_THAT(refusal(with("abi", {{"major", -1}})), Catch::Contains("'major' is no number"));
  CHECK_THAT(refusal(with("keys", "tiny")), Catch::Contains("'keys' is no list"));
  CHECK_THAT(refusal(with("only_by_name", 1)), Catch::Contains("'only_by_name' is no flag"));
  CHECK_THROWS_WITH(parse_manifest("{", "m.json"), Catch::StartsWith("m.json: is no JSON"));
  CHECK_THROWS_WITH(parse_manifest("[]", "m.json"), Catch::StartsWith("m.json: is no JSON object"));
}

TEST_CASE("a manifest's file has the name of its plugin", "[host][registry]") {
  const strata::test::Folder folder;
  CHECK(read_manifest(folder.write("strata-model-tiny.json", sound().dump())).name == "tiny");
  CHECK_THROWS_WITH(read_manifest(folder.write("strata-model-other.json", sound().dump())),
                    Catch::Contains("is the manifest of strata-model-tiny.json"));
  CHECK_THROWS_WITH(
      read_manifest(folder.write("strata-model-big.json", std::string((1 << 20) + 1, ' '))),
      Catch::Contains("larger than 1 MiB"));
}
