#include "registry/plugin_options.hpp"

#include <strata/abi/offload.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "host/check/bare_host.hpp"
#include "registry/library.hpp"
#include "tests/folder.hpp"
#include "tests/host/fake_plugin.hpp"

using namespace strata::registry;
using nlohmann::json;

namespace {
const std::vector<PluginOption> declared{{"depth", "integer", "4", ""},
                                         {"ring", "size", "1MiB", ""},
                                         {"direct", "flag", "true", ""},
                                         {"ratio", "number", "0.5", ""},
                                         {"folder", "text", "", ""}};
}

TEST_CASE("a plugin declares the keys of its table", "[host][registry]") {
  const strata::test::Folder folder;
  const Registry registry(Sources{{}, {strata::test::copy_fake(folder, "good").string()}, {}});
  Loader loader;
  const auto plugin = loader.open(registry.by_name("offload", "good"), strata::check::bare_host());
  const auto options = declared_options("offload/good", plugin.table_as<strata_offload>()->options);
  REQUIRE(options.size() == 2);
  CHECK(options[1].key == "ring");
  CHECK(options[1].type == "size");
  CHECK(options[1].fallback == "1MiB");
}

TEST_CASE("a plugin's options arrive with their types, sizes as bytes", "[host][registry]") {
  const json table{
      {"depth", 8}, {"ring", "2MiB"}, {"direct", false}, {"ratio", 1}, {"folder", "x"}};
  auto expected = table;
  expected["ring"] = 2097152;
  CHECK(checked_options("offload.disk", table, declared) == expected);
}

TEST_CASE("an unknown or misshapen option of a plugin is refused by key", "[host][registry]") {
  const auto refuse = [](const json& table) { checked_options("offload.disk", table, declared); };
  CHECK_THROWS_WITH(refuse({{"dpeth", 1}}),
                    "offload.disk: unknown key 'dpeth': did you mean 'depth'?");
  CHECK_THROWS_WITH(refuse({{"depth", "8"}}),
                    "offload.disk: 'depth' is no integer: give a value of that type");
  CHECK_THROWS_WITH(refuse({{"ring", "2M"}}),
                    "offload.disk: 'ring' is no size: write it as 512MiB");
  CHECK_THROWS_WITH(refuse({{"ring", -1}}), "offload.disk: 'ring' is no size: write it as 512MiB");
}

TEST_CASE("a table of a plugin that does not exist is refused", "[host][registry]") {
  const strata::test::Folder folder;
  folder.plugin("offload", "disk");
  const Registry registry(Sources{{{folder.path(), Origin::built_in}}, {}, {}});
  PluginTables tables;
  tables["offload.disk"] = {{"depth", 1}};
  CHECK_NOTHROW(check_plugin_tables(tables, registry));
  CHECK(raw_options(tables, registry.by_name("offload", "disk")) == json{{"depth", 1}});
  tables["offload.dsik"] = json::object();
  CHECK_THROWS_WITH(check_plugin_tables(tables, registry),
                    "settings: [offload.dsik] belongs to no plugin: did you mean 'offload.disk'?");
}
