#include "core/run/initial_weights.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "tests/sdk/core/run/made_model.hpp"

using namespace strata;
using Floats = std::vector<float>;

namespace {

constexpr auto small = R"({"model_type": "test", "vocab": 40, "hidden": 16, "ffn": 24, "layers": 2,
                           "tied": 1, "experts": 0, "dtype": "float32", "initializer_range": 0.5})";

struct Drawn {
  explicit Drawn(uint64_t seed, uint32_t threads = 0, const char* config = small) : family(config) {
    run::Model model;
    model.config = std::make_shared<source::Config>(config, "config.json");
    model.family = {std::shared_ptr<void>(), &*family};
    for (const auto& one : run::initial_weights(model, seed, threads)) {
      Floats values(static_cast<std::size_t>(source::elements(one.tensor)));
      one.fill(0, std::as_writable_bytes(std::span(values)));
      Floats rest(values.size() - 1);
      one.fill(1, std::as_writable_bytes(std::span(rest)));
      tail[one.tensor.name] = rest;
      all[one.tensor.name] = values;
    }
  }
  Opened<made::Plain> family;
  std::map<std::string, Floats> all, tail;
};

}  // namespace

TEST_CASE("every weight is drawn once, norms are 1 and matrices have the given spread", "[run]") {
  const Drawn drawn(3);
  CHECK(drawn.all.size() == 10);  // one of them is table and head
  CHECK(drawn.all.at("layers.0.norm.weight") == Floats(16, 1.0F));
  const auto& table = drawn.all.at("embed.weight");
  REQUIRE(table.size() == 640);
  double sum = 0, squares = 0;
  for (const double value : table) sum += value, squares += value * value;
  CHECK(std::abs(sum / 640) < 0.1);
  CHECK(std::sqrt(squares / 640) == Approx(0.5).epsilon(0.1));
}

TEST_CASE("a number follows from the seed, the tensor's name and the element alone", "[run]") {
  const Drawn drawn(3), again(3), other(4);
  CHECK(drawn.all == again.all);
  CHECK(drawn.all.at("embed.weight") != other.all.at("embed.weight"));
  const auto &whole = drawn.all.at("layers.0.in.weight"),
             &rest = drawn.tail.at("layers.0.in.weight");
  CHECK(std::equal(rest.begin(), rest.end(), whole.begin() + 1));
  CHECK(whole != drawn.all.at("layers.1.in.weight"));
}

TEST_CASE("any number of threads draws the same numbers", "[run]") {
  // A table of several ranges, the last of which is no whole one.
  constexpr auto wide =
      R"({"model_type": "test", "vocab": 6001, "hidden": 33, "ffn": 8, "layers": 1,
                            "tied": 1, "experts": 0, "dtype": "float32"})";
  const Drawn one(3, 1, wide), three(3, 3, wide);
  CHECK(one.all == three.all);
  CHECK(one.tail == three.tail);
}
