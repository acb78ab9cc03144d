// The split of a machine's cores over its ranks, and lists of CPUs.
#include "locality/cores.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/error.hpp"

using namespace strata;
using namespace strata::locality;

namespace {

using Near = std::vector<std::optional<uint32_t>>;

// `nodes` nodes of `each` cores; a core c of all has the hardware threads c and c + all.
std::vector<Core> machine(uint32_t nodes, uint32_t each) {
  std::vector<Core> out;
  for (uint32_t core = 0; core < nodes * each; ++core)
    out.push_back({core / each, {core, core + nodes * each}});
  return out;
}

// The shares of all ranks: their first hardware threads, and "!" where others have them, too.
std::vector<std::string> shares(const std::vector<Core>& cores, const Near& near) {
  std::vector<std::string> out;
  for (uint32_t local = 0; local < near.size(); ++local) {
    const auto share = share_of(cores, near, local);
    auto first = share.cores;
    for (auto& core : first) core.cpus.resize(1);
    out.push_back(cpus_text(first) + (share.alone ? "" : "!"));
  }
  return out;
}

std::string refusal(const std::string& list) {
  try {
    only(machine(2, 2), parse_cpus(list));
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the ranks of a machine have equal shares of its cores", "[locality]") {
  struct Row {
    const char* name;
    std::vector<Core> cores;
    Near near;
    std::vector<std::string> shares;
  };
  const std::vector<Row> rows{
      {"one rank", machine(2, 2), Near(1), {"0-3"}},
      {"two ranks", machine(2, 2), Near(2), {"0-1", "2-3"}},
      {"cores that are left", machine(1, 7), Near(3), {"0-1", "2-3", "4-5"}},
      {"as many ranks as cores", machine(1, 2), Near(2), {"0", "1"}},
      {"more ranks than cores", machine(1, 2), Near(3), {"0!", "1!", "0!"}},
      {"GPUs on two nodes", machine(2, 4), {0, 0, 1, 1}, {"0-1", "2-3", "4-5", "6-7"}},
      {"GPUs in another order", machine(2, 4), {1, 0, 1, 0}, {"4-5", "0-1", "6-7", "2-3"}},
      {"GPUs on one of two nodes", machine(2, 4), {1, 1}, {"4-5", "6-7"}},
      {"one GPU", machine(4, 2), {2}, {"4-5"}},
      {"more GPUs than cores of a node", machine(2, 1), {0, 0, 1}, {"0!", "0!", "1"}},
      {"a GPU of an unknown node", machine(2, 2), {1, std::nullopt}, {"0-1", "2-3"}},
      {"a node without cores", machine(2, 2), {1, 7}, {"0-1", "2-3"}},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(shares(row.cores, row.near) == row.shares);
  }
}

TEST_CASE("a share has whole cores with all of their hardware threads", "[locality]") {
  const auto share = share_of(machine(2, 4), Near{1, 1}, 1);
  CHECK(share.alone);
  CHECK(share.cores == std::vector<Core>{{1, {6, 14}}, {1, {7, 15}}});
  CHECK(cpus_text(share.cores) == "6-7,14-15");
  CHECK(nodes_of(share.cores) == std::vector<uint32_t>{1});
  CHECK(nodes_of(machine(3, 1)) == std::vector<uint32_t>{0, 1, 2});
}

TEST_CASE("no two ranks have a core in common while there are enough", "[locality]") {
  const auto nodes = GENERATE(1u, 2u, 4u);
  const auto each = GENERATE(1u, 3u, 8u);
  const auto ranks = GENERATE(1u, 2u, 3u, 5u);
  const bool gpus = GENERATE(false, true);
  const auto cores = machine(nodes, each);
  Near near(ranks);
  for (uint32_t rank = 0; gpus && rank < ranks; ++rank) near[rank] = rank % nodes;
  std::vector<int> uses(nodes * each, 0);
  bool all_alone = true;
  std::size_t fewest = cores.size();
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const auto share = share_of(cores, near, rank);
    REQUIRE_FALSE(share.cores.empty());
    all_alone = all_alone && share.alone;
    fewest = std::min(fewest, share.cores.size());
    for (const auto& core : share.cores) {
      ++uses[core.cpus.front()];
      if (gpus) CHECK(core.node == rank % nodes);
    }
  }
  if (all_alone) CHECK(*std::ranges::max_element(uses) == 1);
  if (!all_alone) CHECK(fewest == 1);
}

TEST_CASE("a list of CPUs leaves the cores that have them", "[locality]") {
  CHECK(parse_cpus("0,2-4") == std::vector<uint32_t>{0, 2, 3, 4});
  CHECK(parse_cpus("7") == std::vector<uint32_t>{7});
  CHECK(only(machine(2, 2), parse_cpus("1,3,7")) == std::vector<Core>{{0, {1}}, {1, {3, 7}}});
  CHECK(refusal("0-7") == "accepted");
  CHECK(refusal("8") == "--bind-core-list: this process may not run on CPUs 8: give some of 0-7");
  for (const auto* list : {"", ",", "1,", "a", "-1", "1-", "1--2", " 1", "1 ", "0x1", "65536",
                           "99999999999", "0-4294967295"})
    CHECK_THAT(refusal(list), Catch::Contains("is no list of CPUs"));
  CHECK_THAT(refusal("3-1"), Catch::Contains("ends before it begins"));
  CHECK_THAT(refusal("1,0-2"), Catch::Contains("CPU 1 is named twice"));
}
