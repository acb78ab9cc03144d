#include "core/run/generation_config.hpp"

#include <catch2/catch.hpp>

using namespace strata;
using Ids = std::vector<int32_t>;

namespace {

run::GenerationConfig parsed(const char* json) {
  return run::parse_generation_config(json, "generation_config.json");
}

}  // namespace

TEST_CASE("an end is one id, a list, or unknown", "[run]") {
  CHECK(parsed(R"({"eos_token_id": 2})").ends == Ids{2});
  CHECK(parsed(R"({"eos_token_id": [2, 7]})").ends == Ids{2, 7});
  CHECK_FALSE(parsed("{}").ends);
}

TEST_CASE("lengths are those of the file, and below 1 is refused", "[run]") {
  const auto config = parsed(R"({"max_new_tokens": 12, "max_length": 40})");
  CHECK(config.new_tokens == 12);
  CHECK(config.all_tokens == 40);
  CHECK_THROWS_WITH(parsed(R"({"max_length": 0})"),
                    "generation_config.json: max_length is out of range: correct the file, or "
                    "remove it");
}

TEST_CASE("an invalid filter is kept for the run that draws tokens", "[run]") {
  const auto config = parsed(R"({"do_sample": true, "temperature": 0.7, "top_p": 3, "top_k": 5})");
  CHECK(config.temperature == 0.7);
  CHECK(config.sampling.top_k == 5);
  REQUIRE(config.unusable.size() == 1);
  CHECK(config.unusable[0].first == "top_p");
}

TEST_CASE("keys for what does not exist here are named, neutral ones are not", "[run]") {
  CHECK(parsed(R"({"num_beams": 4, "pad_token_id": 0})").ignored ==
        std::vector<std::string>{"num_beams"});
  CHECK(parsed(R"({"num_beams": 1})").ignored.empty());
}
