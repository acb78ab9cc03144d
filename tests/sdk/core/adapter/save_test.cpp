#include "core/adapter/save.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <deque>

#include "core/adapter/adapter.hpp"
#include "core/error.hpp"
#include "tests/sdk/core/adapter/units.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

std::vector<float> numbers(const std::string& module, int part, std::int64_t count) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(
        std::sin(static_cast<double>(i) * 0.37 + static_cast<double>(module.size()) + part));
  return out;
}

// Every module of the mixture but its keys', with other ranks for two of them.
struct Made {
  Made() {
    const auto units = declared::mixture();
    const adapter::Modules modules_there(units, false);
    for (const auto& module : modules_there.all()) {
      if (module.name.ends_with("k_proj")) continue;
      const std::int64_t rank = module.name.ends_with("q_proj")         ? 3
                                : module.name.ends_with("gate_up_proj") ? 5
                                                                        : 2;
      const auto all = rank * module.experts;
      const auto& a = floats.emplace_back(numbers(module.name, 0, all * module.in));
      const auto& b = floats.emplace_back(numbers(module.name, 1, all * module.out));
      modules.push_back({module, rank, a, b});
    }
  }
  std::deque<std::vector<float>> floats;
  std::vector<adapter::Trained> modules;
  adapter::SaveOptions options{.base = "org/base",
                               .rank = 2,
                               .alpha = 4,
                               .ranks = {{"q_proj", 3}, {R"(experts\.gate_up_proj)", 5}},
                               .alphas = {{"q_proj", 7}}};
};

}  // namespace

TEST_CASE("PEFT loads a saved adapter and adds the same to each weight", "[adapter]") {
  Made made;
  made.options.rslora = GENERATE(false, true);
  const made::Folder folder;
  adapter::save(folder.path("adapter"), made.options, made.modules);
  REQUIRE_NOTHROW(
      made::python("check_saved.py", {folder.path("adapter"), made.options.rslora ? "1" : "0"}));
}

TEST_CASE("a saved adapter is read as it was", "[adapter]") {
  const Made made;
  const made::Folder folder;
  adapter::save(folder.path("adapter"), made.options, made.modules);
  const auto units = declared::mixture();
  const auto read = adapter::Adapter::open(folder.path("adapter"), units, false);
  CHECK(read.base == "org/base");
  CHECK(read.whole.empty());
  REQUIRE(read.low_rank.size() == made.modules.size());
  for (const auto& one : read.low_rank) {
    const auto saved = std::ranges::find(made.modules, one.module.name,
                                         [](const auto& trained) { return trained.module.name; });
    REQUIRE(saved != made.modules.end());
    CHECK(one.rank == saved->rank);
    CHECK(one.scale == Approx((one.module.name.ends_with("q_proj") ? 7.0 : 4.0) /
                              static_cast<double>(one.rank)));
    std::vector<float> a(one.elements_of_a()), b(one.elements_of_b());
    adapter::read_a(read, one, a);
    adapter::read_b(read, one, b);
    CHECK(std::ranges::equal(a, saved->a));
    CHECK(std::ranges::equal(b, saved->b));
  }
}

TEST_CASE("a rank that no option names is refused", "[adapter]") {
  Made made;
  made.options.ranks.pop_back();
  const made::Folder folder;
  REQUIRE_THROWS_WITH(adapter::save(folder.path("adapter"), made.options, made.modules),
                      Catch::Contains("experts.gate_up_proj' has another rank"));
  CHECK_FALSE(std::filesystem::exists(folder.path("adapter")));
}
