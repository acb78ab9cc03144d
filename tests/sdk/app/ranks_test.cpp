// Ranks compare facts and share memory before a run: with a control that a test fills in.
#include "app/ranks.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/sdk/app/bare_group.hpp"

using namespace strata;
using namespace strata::app;

namespace {

// The texts of ranks that called before; `mine` is kept, or comes first.
struct Texts final : run::Control {
  std::vector<std::string> others;
  std::string kept{};
  bool first = true;
  std::vector<std::string> all_gather(std::string_view mine) override {
    kept = mine;
    auto out = others;
    out.insert(first ? out.begin() : out.end(), kept);
    return out;
  }
  std::string broadcast(std::string_view mine) override { return std::string(mine); }
};

struct Machine final : test::BareGroup {
  Machine() : BareGroup(0, 1) {}
  using BareGroup::ranks_;
  Texts texts;
  run::Control& control() override { return texts; }
};

// The words and the status with which a rank ends whose facts are `mine`, beside those of others.
std::pair<std::string, Exit> differs(const std::vector<Fact>& mine, const std::vector<Fact>& theirs,
                                     bool first) {
  Texts texts;
  require_same(texts, theirs);
  texts.others = {texts.kept};
  texts.first = first;
  try {
    require_same(texts, mine);
  } catch (const SharedError& e) {
    return {e.what(), e.status()};
  }
  return {"", Exit{}};
}

const std::vector<Fact> all{
    {"the version of strata", "1.0"}, {"--dtype", "auto", true}, {"a", "1"}};

}  // namespace

TEST_CASE("ranks with the same facts go on", "[app][ranks]") {
  CHECK(differs(all, all, true).first.empty());
}

TEST_CASE("a difference names the rank and both values, with the same words on each rank",
          "[app][ranks]") {
  const auto with = [](std::size_t at, const char* value) {
    auto out = all;
    out[at].value = value;
    return out;
  };
  const std::pair<std::string, Exit> version{
      "rank 1: the version of strata is '1.1', on rank 0 it is '1.0': give all ranks the same "
      "program, plugins, model and data",
      Exit::failed};
  CHECK(differs(all, with(0, "1.1"), true) == version);
  CHECK(differs(with(0, "1.1"), all, false) == version);
  CHECK(differs(all, with(1, "float32"), true) ==
        std::pair<std::string, Exit>{"rank 1: --dtype is 'float32', on rank 0 it is 'auto': start "
                                     "all ranks with the same options",
                                     Exit::usage});
  const std::vector<Fact> fewer{all[0], all[1]};
  CHECK(differs(all, fewer, true).first ==
        "rank 1: a is missing, on rank 0 it is '1': give all ranks the same program, plugins, "
        "model and data");
  CHECK(differs(fewer, all, true).first ==
        "rank 1: a is '1', on rank 0 it is missing: give all ranks the same program, plugins, "
        "model and data");
}

TEST_CASE("the ranks of a machine share its memory, and all take the least", "[app][ranks]") {
  Machine machine;
  machine.ranks_.locals = 4;
  machine.texts.others = {"700", "300"};
  CHECK(shared_memory(machine, {4000, "free"}).bytes == 300);
  CHECK(machine.texts.kept == "1000");
  machine.texts.others = {"5000"};
  CHECK(shared_memory(machine, {4000, "free"}).bytes == 1000);
}

TEST_CASE("a rank has its part of the cores, unless the user gave threads", "[app][ranks]") {
  Machine machine;
  const auto threads = [&](int64_t given, uint32_t locals, const run::Group* group) {
    machine.ranks_.locals = locals;
    machine.ranks_.ranks = locals + 1;  // one is elsewhere
    return placed({.device = "cpu", .threads = given}, group).threads;
  };
  CHECK(threads(0, 1, nullptr) == 0);
  CHECK(threads(3, 2, &machine) == 3);
  CHECK(threads(0, 1 << 20, &machine) == 1);
  CHECK(threads(0, 1, &machine) == std::max(1u, std::thread::hardware_concurrency()));
  machine.ranks_ = {};
  CHECK(placed({.device = "cpu", .threads = 0}, &machine).threads == 0);  // a group of one
}

TEST_CASE("ranks know the least and the largest of their numbers", "[app][ranks]") {
  Texts texts;
  texts.others = {"7", "300"};
  CHECK(range_over(texts, 20).least == 7);
  CHECK(range_over(texts, 20).largest == 300);
  CHECK(range_over(texts, 1000).largest == 1000);
}

TEST_CASE("a pass runs while any rank has tokens", "[app][ranks]") {
  Texts texts;
  CHECK_FALSE(any_has_tokens(texts, false));
  CHECK(any_has_tokens(texts, true));
  const auto one = texts.kept;
  texts.others = {one};
  CHECK(any_has_tokens(texts, false));
}
