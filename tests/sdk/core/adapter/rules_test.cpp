#include <catch2/catch.hpp>

#include "core/adapter/lora_config.hpp"
#include "core/json.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

TEST_CASE("ranks, scales and targets are those that PEFT gives a module", "[adapter]") {
  const made::Folder folder;
  made::python("rules.py", {folder.path("rules.json")});
  const auto rules = parse_ordered_json(made::read(folder.path("rules.json")), "rules");
  const auto names = rules.at("names").get<std::vector<std::string>>();
  REQUIRE(rules.at("scales").size() == 60);
  REQUIRE(rules.at("targets").size() > 500);
  adapter::Effort effort;
  for (const auto& one : rules.at("scales")) {
    const auto text = one.at("config").dump();
    const auto config = adapter::LoraConfig::parse(text, "config");
    for (std::size_t i = 0; i < names.size(); ++i) {
      INFO(text << " " << names[i]);
      const auto& found = one.at("found").at(i);
      CHECK(config.rank_of(names[i], effort) == found.at(0));
      CHECK(config.scale_of(names[i], effort) == Approx(found.at(1).get<double>()).epsilon(1e-12));
    }
  }
  for (const auto& one : rules.at("targets")) {
    const auto text = one.at("config").dump();
    const auto config = adapter::LoraConfig::parse(text, "config");
    for (std::size_t i = 0; i < names.size(); ++i) {
      INFO(text << " " << names[i]);
      CHECK(config.targets.takes(names[i], true, effort) == one.at("found").at(i));
    }
  }
}

TEST_CASE("a pattern that would take for ever is refused", "[adapter]") {
  const auto config = adapter::LoraConfig::parse(
      R"({"peft_type": "LORA", "rank_pattern": {"((a*)*)*[bc]": 3}})", "config");
  adapter::Effort effort;
  REQUIRE_THROWS_WITH(config.rank_of(std::string(60, 'a'), effort),
                      Catch::StartsWith("config: rank_pattern: a pattern is too complex"));
}
