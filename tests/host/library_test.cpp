#include "registry/library.hpp"

#include <strata/abi/offload.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "core/error.hpp"
#include "host/check/bare_host.hpp"
#include "registry/hash.hpp"
#include "registry/registry.hpp"
#include "tests/folder.hpp"
#include "tests/host/fake_plugin.hpp"

using namespace strata::registry;
using strata::test::Folder;

namespace {

Registry of(const Folder& folder, const std::string& fake) {
  return Registry(Sources{{}, {strata::test::copy_fake(folder, fake).string()}, {}});
}

// Opens the fake plugin and takes its table; returns the words that were thrown.
std::string refusal(const std::string& fake) {
  const Folder folder;
  const auto registry = of(folder, fake);
  Loader loader;
  try {
    loader.open(registry.by_name("offload", fake), strata::check::bare_host()).table();
  } catch (const strata::Error& e) {
    std::string words = e.what();
    const auto at = words.find(folder.path().string());
    if (at != std::string::npos) words.erase(at, folder.path().string().size() + 1);
    return words;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a sound plugin opens and gives its table", "[host][registry]") {
  const Folder folder;
  const auto registry = of(folder, "good");
  Loader loader;
  const auto plugin = loader.open(registry.by_name("offload", "good"), strata::check::bare_host());
  CHECK(plugin.table_as<strata_offload>()->score(nullptr) == 1);
  CHECK(plugin.query("strata.other/1") == nullptr);
}

TEST_CASE("a library that contradicts its manifest or this program is refused with both values",
          "[host][registry]") {
  CHECK(refusal("magic") ==
        "strata-offload-magic.so: strata_plugin_v1 does not begin with Strata's magic: install the "
        "plugin again");
  CHECK(refusal("major") ==
        "strata-offload-major.so: it speaks ABI 2.1, this program 1.1: install the plugin again");
  CHECK(refusal("minor") ==
        "strata-offload-minor.so: it needs a host of ABI 1.7, this program has 1.1: install the "
        "plugin again");
  CHECK(refusal("version") ==
        "strata-offload-version.so: version is '1.0.0' in the manifest and '2.0.0' in the library: "
        "install the plugin again; its author makes manifest.json agree with "
        "STRATA_OFFLOAD_PLUGIN or, in C, strata_plugin_v1");
}

TEST_CASE("a plugin that fails to open says why in its own words", "[host][registry]") {
  CHECK(refusal("fails") == "plugins: offload/fails: no room on the disk");
}

TEST_CASE("a missing required function is refused by name", "[host][registry]") {
  CHECK(refusal("no_poll") ==
        "plugins: offload/no_poll: strata.offload/1 has no poll: install another version");
}

TEST_CASE("a library that is not the manifest's is not loaded", "[host][registry]") {
  const Folder folder;
  const auto registry = of(folder, "good");
  std::ofstream(folder.path() / "strata-offload-good.so", std::ios::app) << "x";
  Loader loader;
  CHECK_THROWS_WITH(loader.load(registry.by_name("offload", "good")),
                    Catch::Contains("its SHA-256 is not the manifest's"));
}

TEST_CASE("a hash is SHA-256", "[host][registry]") {
  const Folder folder;
  // The example of FIPS 180-2, appendix B.1.
  CHECK(sha256_of(folder.write("abc", "abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
