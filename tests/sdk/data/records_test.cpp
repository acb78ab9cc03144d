#include "data/records.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"

using namespace strata;
using namespace strata::data;
using Catch::Contains;

namespace {

enum class Kind { json, lines, csv, text };

std::string all(Kind kind, std::string_view bytes, std::size_t part = 3) {
  TextInput input(bytes, part);
  const auto records = kind == Kind::csv    ? csv_records(input, "f")
                       : kind == Kind::text ? text_records(input, "f")
                                            : json_records(input, "f", kind == Kind::lines);
  std::string out;
  for (Record record; records->next(record);)
    out += std::to_string(record.line) + record.value.dump() + ' ';
  return out;
}

}  // namespace

TEST_CASE("a list of JSON gives its elements with their lines", "[data]") {
  const auto part = GENERATE(1, 2, 7, 1000);
  REQUIRE(all(Kind::json, "\xef\xbb\xbf [\n {\"a\": \"]}\\\"\"},\n\n{\"b\":[1,{}]} ] \n",
              static_cast<std::size_t>(part)) == R"(2{"a":"]}\""} 4{"b":[1,{}]} )");
  REQUIRE(all(Kind::lines, "[1, \"x\"]") == R"(11 1{"text":"x"} )");
  REQUIRE(all(Kind::json, "[ ]").empty());
  REQUIRE(all(Kind::json, "").empty());
}

TEST_CASE("JSON values follow each other, and an object may hold the rows", "[data]") {
  REQUIRE(all(Kind::json, "{\"a\":\n1}\n{\"b\":2}") == R"(1{"a":1} 3{"b":2} )");
  REQUIRE(all(Kind::json, R"({"data": [{"a":1}, "x"], "version": 1})") ==
          R"(1{"a":1} 1{"text":"x"} )");
  REQUIRE(all(Kind::json, "{\"a\":1}") == R"(1{"a":1} )");
}

TEST_CASE("each line of JSON Lines is a value", "[data]") {
  REQUIRE(all(Kind::lines, "{\"a\":1}\r\n\n  {\"z\":1,\"b\":2}") == R"(1{"a":1} 3{"z":1,"b":2} )");
  REQUIRE_THROWS_WITH(all(Kind::lines, "{\"a\":1}\n{\"a\":\n1}"), Contains("f:2: not JSON"));
  REQUIRE_THROWS_WITH(all(Kind::lines, "{\"a\":1,\"a\":2}"), Contains("f:1: key 'a' occurs twice"));
  REQUIRE_THROWS_WITH(all(Kind::lines, "{\"a\":\"\xff\"}"), Contains("f:1: not JSON"));
}

TEST_CASE("broken JSON is refused at its line", "[data]") {
  REQUIRE_THROWS_WITH(all(Kind::json, "[{}\n {}]"), Contains("f:2: no comma"));
  REQUIRE_THROWS_WITH(all(Kind::json, "[{},\n"), Contains("f:2: the file ends inside a list"));
  REQUIRE_THROWS_WITH(all(Kind::json, "[{},\n]"), Contains("f:2: not JSON"));
  REQUIRE_THROWS_WITH(all(Kind::json, "[{}]\n x"), Contains("f:2: there is more"));
  REQUIRE_THROWS_WITH(all(Kind::json, "\n{\"a\": [1"), Contains("f:2: the file ends inside"));
  REQUIRE_THROWS_WITH(all(Kind::json, "[[}]"), Contains("f:1: not JSON"));
}

TEST_CASE("CSV follows RFC 4180", "[data]") {
  const auto part = GENERATE(1, 2, 1000);
  REQUIRE(all(Kind::csv, "\xef\xbb\xbfprompt,\"a \"\"b\"\"\"\r\nx,\"1,\n2\"\n\n,\n\"\",z",
              static_cast<std::size_t>(part)) ==
          R"(2{"prompt":"x","a \"b\"":"1,\n2"} 5{"prompt":"","a \"b\"":""} )"
          R"(6{"prompt":"","a \"b\"":"z"} )");
  REQUIRE(all(Kind::csv, "").empty());
  REQUIRE_THROWS_WITH(all(Kind::csv, "a,b\n1\n"), Contains("f:2: 1 fields"));
  REQUIRE_THROWS_WITH(all(Kind::csv, "a\n\"x"), Contains("f:2: the file ends inside quotes"));
  REQUIRE_THROWS_WITH(all(Kind::csv, "a\n\"x\"y\n"), Contains("f:2: text stands behind"));
  REQUIRE_THROWS_WITH(all(Kind::csv, "a\nx\"y\n"), Contains("f:2: a quote stands"));
  REQUIRE_THROWS_WITH(all(Kind::csv, "a,a\n"), Contains("f:1: column 'a' occurs twice"));
  REQUIRE_THROWS_WITH(all(Kind::csv, "a\n\xff\n"), Contains("f:2: field 1 is not UTF-8"));
}

TEST_CASE("each line of a text that is not empty is a row", "[data]") {
  REQUIRE(all(Kind::text, "a\r\n\r\nb\rc\n") == R"(1{"text":"a"} 3{"text":"b"} 4{"text":"c"} )");
  REQUIRE_THROWS_WITH(all(Kind::text, "a\nb\xff"), Contains("f:2: byte 2 is not UTF-8"));
}
