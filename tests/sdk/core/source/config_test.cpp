#include "core/source/config.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "core/plugin/config_table.hpp"
#include "core/plugin/words.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;
using source::Config;

namespace {

strata_op_rope asked() {
  strata_op_rope out{};
  out.hdr.size = sizeof out;
  return out;
}

std::string rope_refusal(const std::string& json, std::string_view path = "") {
  const made::Folder folder;
  return made::refusal(folder, [&] {
    const Config config(json, "c.json");
    auto out = asked();
    config.rope(path, out);
  });
}

strata_str str(std::string_view text) { return {text.data(), text.size()}; }

// One value of transformers against ours.
void check(const Json& wanted, const char* key, double ours) {
  if (!wanted.contains(key)) return;
  INFO(key);
  CHECK(ours == Approx(wanted[key].get<double>()).epsilon(1e-12));
}

}  // namespace

TEST_CASE("a value is found by its path, the first of several", "[source][config]") {
  const Config c(R"({"a":{"b":[1,{"c":"x"}]},"n":null,"t":true,"f":1.5,"i":-3})", "c.json");
  REQUIRE(c.i64("a.b.0") == 1);
  REQUIRE(c.text("a.b.1.c") == "x");
  REQUIRE(c.count("a.b") == 2);
  REQUIRE(c.count("a.b.0") == 1);
  REQUIRE(c.count("n") == 0);
  REQUIRE(c.count("none") == 0);
  REQUIRE(c.i64("n|none.x|i") == -3);
  REQUIRE(c.i64("t") == 1);
  REQUIRE(c.f64("i") == -3.0);
  const std::int64_t seven = 7;
  REQUIRE(c.i64("n", &seven) == 7);
  REQUIRE(c.i64("a.b.2", &seven) == 7);
  REQUIRE(c.i64("a.b.x", &seven) == 7);
  REQUIRE(c.raw().front() == '{');
}

TEST_CASE("a missing or mistaken value is refused by its key", "[source][config]") {
  const made::Folder folder;
  const Config c(R"({"a":"x","f":1.5,"big":18446744073709551615,"l":[1]})", "c.json");
  const auto line = [&](auto call) { return made::refusal(folder, call); };
  REQUIRE(line([&] { c.i64("new|old"); }) ==
          "c.json: key 'new|old' is missing: the model needs it");
  REQUIRE(line([&] { c.i64("f"); }) == "c.json: key 'f' is not an integer: fix the configuration");
  REQUIRE(line([&] { c.i64("big"); }) ==
          "c.json: key 'big' is not an integer: fix the configuration");
  REQUIRE(line([&] { c.f64("a"); }) == "c.json: key 'a' is not a number: fix the configuration");
  REQUIRE(line([&] { c.text("l"); }) == "c.json: key 'l' is not text: fix the configuration");
  REQUIRE(line([] { Config("[1]", "c.json"); }) == "c.json: is not a JSON object: check the file");
  REQUIRE(line([&] { Config(R"({"a":"true"})", "c.json").i64("a"); }) ==
          "c.json: key 'a' is not true or false without quotation marks: fix the configuration");
  REQUIRE(line([] { Config("{", "c.json"); }) == "c.json: not JSON at byte 2: correct the file");
  REQUIRE(line([] { Config(std::string(100, '['), "c.json"); }) ==
          "c.json: JSON nested deeper than 64 levels: correct the file");
}

TEST_CASE("a configuration is read as Python reads JSON", "[source][config]") {
  const Config c(R"({"a":1,"b":{"x":NaN},"a":2,"l":[-Infinity,Infinity],"t":"NaN \" NaN","f":1})",
                 "c.json");
  REQUIRE(c.i64("a") == 2);
  REQUIRE(c.text("t") == "NaN \" NaN");
  REQUIRE(c.text("b.x.__float__") == "NaN");
  REQUIRE(c.text("l.0.__float__") == "-Infinity");
  REQUIRE(c.count("l") == 2);
  // Other readers take JSON.
  REQUIRE(Json::accept(c.raw()));
  REQUIRE(parse_json(c.raw(), "raw")["a"] == 2);
}

TEST_CASE("null is refused in a key where it means nothing", "[source][config]") {
  const made::Folder folder;
  const Config c(R"({"a":null,"b":null,"c":3})", "c.json");
  const std::vector<std::string> meaningful{"b"};
  const auto line = [&](auto path) {
    return made::refusal(folder, [&] { c.refuse_null(path, meaningful); });
  };
  REQUIRE(line("a") == "c.json: key 'a' is null: give a value, or remove it");
  REQUIRE(line("b|a") == "c.json: key 'a' is null: give a value, or remove it");
  c.refuse_null("b|c|a", meaningful);
  c.refuse_null("none", meaningful);
}

TEST_CASE("rope parameters mean what transformers means by them", "[source][config]") {
  const made::Folder folder;
  made::python("rope_parameters.py", {folder.path("cases.json")});
  const auto cases = parse_json(made::read(folder.path("cases.json")), "cases");
  REQUIRE(cases.size() > 20);
  for (const auto& row : cases) {
    const auto text = row["config"].dump();
    INFO(text);
    const Config config(text, "config.json");
    auto rope = asked();
    config.rope("", rope);
    const auto& wanted = row["expected"];
    CHECK(std::string(rope.type.p, rope.type.n) == wanted["rope_type"].get<std::string>());
    check(wanted, "rope_theta", rope.theta);
    check(wanted, "factor", rope.factor);
    check(wanted, "attention_factor", rope.attention_factor);
    check(wanted, "low_freq_factor", rope.low_freq_factor);
    check(wanted, "high_freq_factor", rope.high_freq_factor);
    check(wanted, "original_max_position_embeddings", rope.original_positions);
    check(wanted, "max_position_embeddings", rope.max_positions);
    check(wanted, "beta_fast", rope.beta_fast);
    check(wanted, "beta_slow", rope.beta_slow);
    check(wanted, "truncate", rope.truncate);
    check(wanted, "dim", rope.dim == 0 ? wanted["head_dim"].get<double>() : rope.dim);
    if (!wanted.contains("short_factor")) continue;
    REQUIRE(rope.factors == wanted["short_factor"].size());
    for (std::uint32_t i = 0; i < rope.factors; ++i) {
      CHECK(rope.short_factors[i] == wanted["short_factor"][i].get<double>());
      CHECK(rope.long_factors[i] == wanted["long_factor"][i].get<double>());
    }
  }
}

TEST_CASE("rope_scaling comes before rope_parameters", "[source][config]") {
  const Config config(R"({"rope_theta":5,"rope_scaling":{"type":"linear","factor":2},)"
                      R"("rope_parameters":{"rope_type":"linear","factor":3,"rope_theta":7}})",
                      "c.json");
  auto rope = asked();
  config.rope("", rope);
  REQUIRE(rope.factor == 2);
  REQUIRE(rope.theta == 5);
}

TEST_CASE("rope parameters that a caller gives stand alone", "[source][config]") {
  const Config config(R"({"rope_theta":5,"rope_scaling":{"type":"linear","factor":2},)"
                      R"("max_position_embeddings":32})",
                      "c.json");
  auto rope = asked();
  rope.dim = 4;
  config.rope(R"({"rope_type":"longrope","short_factor":[1,2],"long_factor":[3,4],)"
              R"("original_max_position_embeddings":16,"rope_theta":9})",
              rope);
  REQUIRE(rope.theta == 9);
  REQUIRE(rope.factor == 2);
  REQUIRE(rope.long_factors[1] == 4);
  const auto* kept = rope.long_factors;
  config.rope(R"({"rope_type":"longrope","short_factor":[1,2],"long_factor":[3,5]})", rope);
  REQUIRE(kept[1] == 4);
  REQUIRE(rope.long_factors[1] == 5);
}

TEST_CASE("keys that a rope type does not use are noted", "[source][config]") {
  const Config config(R"({"rope_scaling":{"type":"linear","factor":2,"beta":1,"alpha":null}})",
                      "c.json");
  auto rope = asked();
  config.rope("", rope);
  config.rope("", rope);
  REQUIRE(rope.factor == 2);
  REQUIRE(config.notes() ==
          std::set<std::string>{"rope_scaling: rope type 'linear' does not use alpha, beta"});
}

TEST_CASE("rope parameters of a kind of layer and of a nested model are read", "[source][config]") {
  const Config config(
      R"({"text_config":{"head_dim":64,"rope_parameters":{"full":{"rope_type":"linear","factor":8,)"
      R"("rope_theta":1e6},"sliding":{"rope_type":"default","rope_theta":1e4}}}})",
      "c.json");
  auto rope = asked();
  config.rope("text_config.rope_parameters.full", rope);
  REQUIRE(rope.factor == 8);
  REQUIRE(rope.theta == 1e6);
  rope = asked();
  config.rope("text_config.rope_parameters.sliding", rope);
  REQUIRE(rope.theta == 1e4);
}

TEST_CASE("the family's theta and head size stand in for missing keys", "[source][config]") {
  const Config config(R"({"partial_rotary_factor":0.5})", "c.json");
  auto rope = asked();
  rope.theta = 500000;
  rope.dim = 96;
  rope.layout = STRATA_ROPE_INTERLEAVED;
  config.rope("", rope);
  REQUIRE(rope.theta == 500000);
  REQUIRE(rope.dim == 48);
  REQUIRE(rope.layout == STRATA_ROPE_INTERLEAVED);
}

TEST_CASE("a caller's shorter struct is filled as far as it goes", "[source][config]") {
  const Config config(R"({"rope_theta":7})", "c.json");
  auto rope = asked();
  rope.hdr.size = offsetof(strata_op_rope, factor);
  rope.factor = -1;
  config.rope("", rope);
  REQUIRE(rope.theta == 7);
  REQUIRE(rope.factor == -1);
}

TEST_CASE("rope parameters that are not understood are refused by key", "[source][config]") {
  const std::string fix = ": fix the configuration";
  const auto scaled = [](const std::string& body) {
    return rope_refusal(R"({"head_dim":8,"max_position_embeddings":64,"rope_scaling":{)" + body +
                        "}}");
  };
  REQUIRE(scaled(R"("rope_type":"su")") ==
          "c.json: key 'rope_scaling.rope_type' is 'su', a rope type that is not known: known: "
          "default, linear, dynamic, llama3, yarn, longrope");
  REQUIRE(scaled(R"("type":3)") == "c.json: key 'rope_scaling.type' is not text" + fix);
  REQUIRE(scaled(R"("type":"linear","factor":null)") ==
          "c.json: key 'rope_scaling.factor' is null" + fix);
  REQUIRE(scaled(R"("type":"linear")") ==
          "c.json: key 'rope_scaling.factor' is missing: the model needs it");
  REQUIRE(scaled(R"("type":"linear","factor":0)") ==
          "c.json: key 'rope_scaling.factor' is not a number above 0" + fix);
  REQUIRE(scaled(R"("type":"yarn")") ==
          "c.json: key 'rope_scaling.factor' is missing: the model needs it");
  REQUIRE(scaled(R"("type":"linear","factor":2,"rope_theta":null)") ==
          "c.json: key 'rope_scaling.rope_theta' is null" + fix);
  REQUIRE(scaled(R"("type":"longrope","short_factor":[1,1],"long_factor":[1,1,1,1])") ==
          "c.json: key 'rope_scaling.short_factor' has 2 numbers, not 4" + fix);
  REQUIRE(scaled(R"("type":"longrope","short_factor":[1,1,1,"x"],"long_factor":[1,1,1,1])") ==
          "c.json: key 'rope_scaling.short_factor' is not a list of numbers" + fix);
  REQUIRE(scaled(R"("type":"longrope","short_factor":[1,1,1,0],"long_factor":[1,1,1,1])") ==
          "c.json: key 'rope_scaling.short_factor' has a number that is not above 0" + fix);
  REQUIRE(scaled(R"("type":"longrope","long_factor":[1,1,1,1])") ==
          "c.json: key 'rope_scaling.short_factor' is missing: the model needs it");
  REQUIRE(rope_refusal(R"({"rope_scaling":[1]})") ==
          "c.json: key 'rope_scaling' is not an object" + fix);
  REQUIRE(rope_refusal(R"({"rope_parameters":[]})") ==
          "c.json: key 'rope_parameters' is not an object" + fix);
  REQUIRE(rope_refusal(R"({"rope_theta":-1})") ==
          "c.json: key 'rope_theta' is not a number above 0" + fix);
  REQUIRE(rope_refusal(R"({"head_dim":8,"partial_rotary_factor":0.4})") ==
          "c.json: key 'partial_rotary_factor' does not rotate "
          "a whole number of pairs of 8" +
              fix);
  REQUIRE(rope_refusal(R"({"rope_theta":null})") == "c.json: key 'rope_theta' is null" + fix);
  REQUIRE(rope_refusal("{}", "rope_parameters.full") ==
          "c.json: key 'rope_parameters.full' is missing: the model needs it");
}

TEST_CASE("the host's table answers a plugin and keeps the words of failures", "[source][config]") {
  const Config config(R"({"n":5,"f":0.5,"s":"x","l":[1,2],"rope_theta":9})", "c.json");
  const strata_config handle{&config};
  const auto* table = plugin::config_table();
  std::int64_t n = 0;
  REQUIRE(table->i64(&handle, str("n"), nullptr, &n) == STRATA_OK);
  REQUIRE(n == 5);
  double f = 0;
  REQUIRE(table->f64(&handle, str("f"), nullptr, &f) == STRATA_OK);
  REQUIRE(f == 0.5);
  strata_str s{};
  REQUIRE(table->text(&handle, str("s"), nullptr, &s) == STRATA_OK);
  REQUIRE(std::string(s.p, s.n) == "x");
  const auto fallback = str("y");
  REQUIRE(table->text(&handle, str("none"), &fallback, &s) == STRATA_OK);
  REQUIRE(std::string(s.p, s.n) == "y");
  REQUIRE(table->count(&handle, str("l")) == 2);
  REQUIRE(table->raw(&handle).n == config.raw().size());
  auto rope = asked();
  REQUIRE(table->rope(&handle, str(""), &rope) == STRATA_OK);
  REQUIRE(rope.theta == 9);
  REQUIRE(table->i64(&handle, str("s"), nullptr, &n) == STRATA_INVALID);
  REQUIRE(n == 5);
  REQUIRE(plugin::take_words() == "c.json: key 's' is not an integer: fix the configuration");
  REQUIRE(plugin::take_words().empty());
}
