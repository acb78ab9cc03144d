#include "app/quantize/rules.hpp"

#include <strata/abi/model.h>

#include <catch2/catch.hpp>

using namespace strata;
using app::QuantOptions;
using app::QuantRules;
using Catch::Contains;

namespace {

app::QuantRule rule(std::string match, std::string scheme) {
  return {.match = std::move(match), .scheme = {.name = std::move(scheme)}};
}

}  // namespace

TEST_CASE("only matrices are quantized where no rule names others", "[app][quantize]") {
  QuantRules rules(QuantOptions{.scheme = {.name = "int4", .group_size = 64}});
  REQUIRE(rules.any());
  CHECK(rules.scheme_of("a.weight", STRATA_MATRIX) == R"(int4 {"group_size":64})");
  for (const auto role : {STRATA_VECTOR, STRATA_TABLE, STRATA_HEAD, STRATA_ROUTER})
    CHECK(rules.scheme_of("a.weight", static_cast<uint32_t>(role)).empty());
  CHECK_FALSE(QuantRules(QuantOptions{}).any());
}

TEST_CASE("a rule counts more than the scheme of all matrices", "[app][quantize]") {
  QuantRules rules(QuantOptions{.scheme = {.name = "int4"},
                                .rules = {rule("lm_head", "int8"), rule("q_proj", "none")}});
  CHECK(rules.scheme_of("lm_head.weight", STRATA_HEAD) == "int8");
  CHECK_THROWS_WITH(rules.check_used(), Contains("no matrix has 'q_proj' in its name"));
  CHECK(rules.scheme_of("l.0.q_proj.weight", STRATA_MATRIX).empty());
  CHECK(rules.scheme_of("l.0.k_proj.weight", STRATA_MATRIX) == "int4");
  CHECK(rules.scheme_of("l.0.q_proj.bias", STRATA_VECTOR).empty());
  rules.check_used();
  CHECK(rules.schemes() == std::vector<std::string>{"int4", "int8"});
}

TEST_CASE("rules that contradict each other are refused by name", "[app][quantize]") {
  QuantRules both(QuantOptions{.rules = {rule("mlp", "int8"), rule("up", "none")}});
  CHECK_THROWS_WITH(both.scheme_of("l.mlp.up.weight", STRATA_MATRIX),
                    Contains("both 'mlp' and 'up' match 'l.mlp.up.weight'"));
  CHECK_THROWS_WITH(QuantRules(QuantOptions{.rules = {rule("a", "int8"), rule("a", "int4")}}),
                    Contains("'a' is given twice"));
  CHECK_THROWS_WITH(QuantRules(QuantOptions{.rules = {rule("", "int8")}}),
                    Contains("it matches every weight"));
  CHECK_THROWS_WITH(QuantRules(QuantOptions{.scheme = {.name = "none", .symmetric = true}}),
                    Contains("--quant-symmetric: there is no quantization"));
  CHECK_THROWS_WITH(QuantRules(QuantOptions{.scheme = {.name = "int4", .group_size = 0}}),
                    Contains("a group has no elements"));
  CHECK_THROWS_WITH(QuantRules(QuantOptions{.scheme = {.name = "int4 {}"}}),
                    Contains("is no name of a quantization"));
}

TEST_CASE("the text of rules differs where they differ", "[app][quantize]") {
  const auto text = [](QuantOptions options) { return QuantRules(options).text(); };
  CHECK(text({.scheme = {.name = "int4"}}) != text({.scheme = {.name = "int8"}}));
  CHECK(text({.scheme = {.name = "int4"}}) !=
        text({.scheme = {.name = "int4"}, .rules = {rule("a", "none")}}));
  CHECK(text({.rules = {rule("a", "int4")}}) != text({.rules = {rule("b", "int4")}}));
}
