#include "host/commands/summary.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace strata;

namespace {

// The first line about a run whose model has 4 MiB of weights, after this many bytes were read.
std::string line_of(std::uint64_t loaded) {
  std::vector<std::string> lines;
  host::say_loaded(
      {{"weights", {{"bytes", 4 << 20}}},
       {"moved", {{"load", {{"counted", loaded}}}}},
       {"load_s", 0.5},
       {"tiers", {{"device", {{"bytes", 0}}}}},
       {"peak", {{"host", {{"bytes", 0}}}}}},
      app::Log([&](std::int32_t, std::string_view line) { lines.emplace_back(line); }));
  return lines.at(0);
}

}  // namespace

TEST_CASE("weights that are read in place are not called loaded", "[host][summary]") {
  CHECK(line_of(4 << 20) == "weights: 4.00 MiB loaded in 0.5 s");
  CHECK(line_of(5 << 20) == "weights: 4.00 MiB loaded in 0.5 s");
  CHECK(line_of(1 << 20) == "weights: 1.00 MiB loaded in 0.5 s, 3.00 MiB read in place");
  CHECK(line_of(0) == "weights: 4.00 MiB read in place");
}
