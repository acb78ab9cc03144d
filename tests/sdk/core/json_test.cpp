#include "core/json.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace strata;

namespace {

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("a key that occurs twice in one object is refused by its name", "[core][json]") {
  REQUIRE_THROWS_WITH(parse_json(R"({"a": {"b": 1, "c": 2, "b": 1}})", "x.json"),
                      "x.json: key 'b' occurs twice in one JSON object: the file is damaged; fetch "
                      "it again");
  REQUIRE_THROWS_WITH(parse_ordered_json(R"([{"b": 1, "b": 1}])", "x.json"),
                      Catch::Contains("key 'b' occurs twice"));
  REQUIRE(parse_json(R"({"a": {"b": 1}, "b": [{"b": 2}, {"b": 3}]})", "x.json")["b"][1]["b"] == 3);
}

TEST_CASE("the last of two equal keys counts where the rules say so", "[core][json]") {
  constexpr auto text = R"({"b": 1, "a": 2, "b": [3]})";
  const JsonRules rules{.last_counts = true};
  REQUIRE(parse_json(text, "x.json", rules).dump() == R"({"a":2,"b":[3]})");
  REQUIRE(parse_ordered_json(text, "x.json", rules).dump() == R"({"b":[3],"a":2})");
  REQUIRE(parse_settings(text, "x.json").dump() == R"({"a":2,"b":[3]})");
}

TEST_CASE("text nested to the limit is read, and one level more is refused", "[core][json]") {
  const auto levels = GENERATE(1, 8, 64);
  const JsonRules rules{.depth = static_cast<std::size_t>(levels), .remedy = "make it flat"};
  REQUIRE(parse_json(nested(rules.depth), "x.json", rules).is_array());
  const auto words =
      "x.json: JSON nested deeper than " + std::to_string(levels) + " levels: make it flat";
  REQUIRE_THROWS_WITH(parse_json(nested(rules.depth + 1), "x.json", rules), words);
  REQUIRE_THROWS_WITH(parse_ordered_json(nested(rules.depth + 1), "x.json", rules), words);
  REQUIRE_THROWS_WITH(parse_json(std::string(100'000, '['), "x.json", rules), words);
}

TEST_CASE("text that is no JSON is refused with its first wrong byte", "[core][json]") {
  const JsonRules rules{.remedy = "write JSON"};
  REQUIRE_THROWS_AS(parse_json("{x}", "x.json", rules), NotJson);
  REQUIRE_THROWS_WITH(parse_json("{x}", "x.json", rules), "x.json: not JSON at byte 2: write JSON");
  REQUIRE_THROWS_WITH(parse_ordered_json("[1e999]", "x.json", rules),
                      "x.json: not JSON: a number is out of range: write JSON");
  REQUIRE_THROWS_WITH(parse_json("[NaN]", "x.json", rules), Catch::Contains("not JSON at byte"));
}

TEST_CASE("settings may have the numbers that Python writes and JSON lacks", "[core][json]") {
  const auto value = parse_settings(R"({"a": [-Infinity, NaN], "b": "NaN \" Infinity"})", "x.json");
  REQUIRE(value["a"][0]["__float__"] == "-Infinity");
  REQUIRE(value["a"][1]["__float__"] == "NaN");
  REQUIRE(value["b"] == "NaN \" Infinity");
}
