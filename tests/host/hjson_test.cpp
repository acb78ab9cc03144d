#include "host/deepspeed/hjson.hpp"

#include <catch2/catch.hpp>

using nlohmann::json;
using strata::deepspeed::NotHjson;
using strata::deepspeed::parse_hjson;

TEST_CASE("Hjson is JSON with comments, and without what a reader can do without",
          "[host][deepspeed]") {
  struct Row {
    std::string text, value;
  };
  // As hjson 3.1.0 of PyPI, DeepSpeed's reader, reads them.
  const auto row = GENERATE(values<Row>({
      {"", "{}"},
      {"# nothing\n// at /* all */\n", "{}"},
      {"\xef\xbb\xbf{}", "{}"},
      {R"({"a": [1, -2.5, true, null, "x"],})", R"({"a": [1, -2.5, true, null, "x"]})"},
      {"{\n  // one\n  \"a\": 1, # two\n  /* three\n */ \"b\": 2\n}", R"({"a": 1, "b": 2})"},
      {"{a: 1\n b: text of a line, with } and ]\n}",
       R"({"a": 1, "b": "text of a line, with } and ]"})"},
      {"a: 1\nb: {c: [1 2, 3\n4]}\n", R"({"a": 1, "b": {"c": ["1 2, 3", 4]}})"},
      {"{a: true # yes\n b: falsehood\n c: null}", R"({"a": true, "b": "falsehood", "c": null})"},
      {"{a: 5e8, b: 2.0, c: 1e10, d: 1e9 // s\n}",
       R"({"a": 500000000, "b": 2, "c": 1e10, "d": 1000000000})"},
      {"{a: 01\n}", R"({"a": "01"})"},
      {"{a: 3 x\n}", R"({"a": "3 x"})"},
      {"{'a': 'it\"s', \"b\": \"\\u00e4\\n\\ud83d\\ude00\"}", R"({"a": "it\"s", "b": "ä\n😀"})"},
      {"{\n  a:\n    '''\n    one\n      two\n    '''\n}", R"({"a": "one\n  two"})"},
      {"7", "7"},
  }));
  CAPTURE(row.text);
  CHECK(parse_hjson(row.text) == json::parse(row.value));
}

TEST_CASE("what is no Hjson is refused where it is", "[host][deepspeed]") {
  struct Row {
    std::string text;
    std::size_t at;
  };
  const auto row = GENERATE(values<Row>({
      {"{", 1},
      {"{a}", 2},
      {"{a: 1", 5},
      {"{a b: 1}", 1},
      {"{a: }", 4},
      {"{a: 1,, b: 2}", 6},
      {"[1", 2},
      {"{a: \"x}", 4},
      {"{a: \"x\ny\"}", 6},
      {"{a: \"\\q\"}", 5},
      {"{a: \"\\ud800\"}", 5},
      {"{a: 1e999}", 4},
      {"{a: 1, a: 1}", 7},
      {"/* a", 0},
      {"{a: ''' b", 4},
      {"{} {}", 3},
      {"{\"a\": \"\xff\"}", 7},
      {std::string(100, '['), 64},
  }));
  CAPTURE(row.text);
  try {
    parse_hjson(row.text);
    FAIL("accepted");
  } catch (const NotHjson& e) {
    CHECK(e.at == row.at);
    CHECK_FALSE(e.words.empty());
  }
}
