#include "app/finetune/common_state.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"

using namespace strata;
using namespace strata::app;
using Catch::Contains;

namespace {

Json state() {
  return {
      {"--lora", 0},
      {"--model", "digests"},
      {"--data", "digests"},
      {"--init-seed", "none"},
      {"the configuration", {{"hidden_act", "silu"}, {"attention_dropout", 0.0}, {"layers", 2}}}};
}

std::string refusal(const Json& saved, const Json& own) {
  try {
    need_common(saved, own, "o/checkpoint-1");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a run continues only with the configuration in effect of its checkpoint", "[app]") {
  CHECK(refusal(state(), state()) == "accepted");
  auto own = state();
  auto& config = own["the configuration"];
  config["attention_dropout"] = 0.5;
  own["--model"] = "others";  // follows from it
  CHECK_THAT(refusal(state(), own),
             Contains("--model: its configuration has attention_dropout = 0.5 here, 0.0 in "
                      "o/checkpoint-1") &&
                 Contains("--dropout"));
  config.erase("attention_dropout");
  CHECK_THAT(refusal(state(), own), Contains("attention_dropout = absent here, 0.0 in o/"));
  CHECK_THAT(refusal(own, state()), Contains("attention_dropout = 0.0 here, absent in o/"));
  auto odd = state();
  odd["the configuration"] = 3;
  CHECK_THAT(refusal(odd, state()), Contains("absent in o/checkpoint-1"));
  odd.erase("the configuration");
  CHECK_THAT(refusal(odd, state()), Contains("the configuration: it is unknown in o/checkpoint-1"));
}

TEST_CASE("a run continues only with the seed of its first weights", "[app]") {
  auto own = state();
  own["--init-seed"] = 3;
  CHECK_THAT(refusal(state(), own), Contains("--init-seed: 3 here, none in o/checkpoint-1"));
  CHECK_THAT(refusal(own, state()), Contains("--init-seed: none here, 3 in o/checkpoint-1"));
}
