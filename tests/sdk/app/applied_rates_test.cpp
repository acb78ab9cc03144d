#include "app/finetune/applied_rates.hpp"

#include <catch2/catch.hpp>

using namespace strata;
using Catch::Contains;

TEST_CASE("randomness that no family applies is refused by its key", "[app]") {
  const auto check = [](const std::string& bytes) {
    app::need_applied_rates(source::Config(bytes, "config.json"));
  };
  CHECK_NOTHROW(check("{}"));
  CHECK_NOTHROW(check(R"({"layerdrop": 0.0, "router_jitter_noise": null, "dropout": 0.5})"));
  CHECK_THROWS_WITH(check(R"({"layerdrop": 0.1})"), Contains("config.json: layerdrop is not 0") &&
                                                        Contains("--set config.layerdrop=0"));
  CHECK_THROWS_WITH(check(R"({"router_jitter_noise": 0.01})"),
                    Contains("--set config.router_jitter_noise=0"));
}
