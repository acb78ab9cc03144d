#include "app/sampling.hpp"

#include <catch2/catch.hpp>

using namespace strata;

namespace {

run::GenerationConfig own(const char* json) {
  return run::parse_generation_config(json, "generation_config.json");
}

}  // namespace

TEST_CASE("an option wins over generation_config.json, which fills in the others", "[app]") {
  app::SamplingOptions options;
  options.temperature = 0.5;
  options.top_k = 7;
  options.seed = 3;
  const auto sampling =
      app::sampling_of(options, own(R"({"do_sample": true, "top_k": 40, "top_p": 0.25})"));
  CHECK(sampling.temperature == 0.5);
  CHECK(sampling.top_k == 7);
  CHECK(sampling.top_p == 0.25);
  CHECK(sampling.seed == 3);
}

TEST_CASE("only the options decide that tokens are drawn", "[app]") {
  const auto sampling = app::sampling_of({}, own(R"({"do_sample": true, "temperature": 0.7})"));
  CHECK(sampling.temperature == 0);
}

TEST_CASE("an invalid setting is refused where tokens are drawn without an option for it",
          "[app]") {
  const auto file = own(R"({"do_sample": true, "top_p": 7})");
  app::SamplingOptions options;
  CHECK_NOTHROW(app::sampling_of(options, file));
  options.temperature = 1;
  CHECK_THROWS_WITH(app::sampling_of(options, file), Catch::Contains("top_p"));
  options.top_p = 0.5;
  CHECK_NOTHROW(app::sampling_of(options, file));
}
