#include "core/nearest.hpp"

#include <catch2/catch.hpp>
#include <vector>

using strata::did_you_mean;
using strata::nearest;

namespace {
const std::vector<std::string> names{"run.dtype", "run.device", "run.device_memory"};
}

TEST_CASE("a slip of the fingers finds the name that was meant", "[core]") {
  CHECK(nearest("run.dtpye", names) == "run.dtype");
  CHECK(nearest("run.devise", names) == "run.device");
  CHECK(nearest("run.device-memory", names) == "run.device_memory");
  CHECK(did_you_mean("run.dtpye", names, "look") == "did you mean 'run.dtype'?");
}

TEST_CASE("a name that is far from all finds none", "[core]") {
  CHECK(nearest("completely.different", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest(std::string(100000, 'x'), names).empty());
  CHECK(did_you_mean("zzz", names, "look") == "look");
}

TEST_CASE("three names are named, the nearest first", "[core]") {
  CHECK(strata::three_nearest("run.devise", names) ==
        "'run.device', 'run.dtype', 'run.device_memory'");
  CHECK(strata::three_nearest("", std::vector<std::string>{"b", "a", "b"}) == "'b', 'a'");
}
