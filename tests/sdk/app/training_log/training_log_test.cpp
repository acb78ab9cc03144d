#include "app/training_log/training_log.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/error.hpp"

using namespace strata::training_log;

TEST_CASE("a log whose disk is full ends with one warning, and the records go on",
          "[app][training_log]") {
  std::vector<std::string> said;
  TrainingLog log({.jsonl = "/dev/full", .tensorboard = {}, .html = {}}, {},
                  [&](const std::string& words) { said.push_back(words); });
  for (std::int64_t step = 1; step <= 3; ++step) log.add(StepRecord{.step = step});
  log.add(ValidationRecord{.step = 3});
  CHECK(log.records().steps.size() == 3);
  CHECK(log.records().validations.size() == 1);
  REQUIRE(said.size() == 1);
  CHECK_THAT(said.front(), Catch::Contains("/dev/full") && Catch::Contains("training goes on"));
}

TEST_CASE("without somebody to tell, a log that cannot be written is an error",
          "[app][training_log]") {
  TrainingLog log({.jsonl = "/dev/full", .tensorboard = {}, .html = {}});
  CHECK_THROWS_AS(log.add(StepRecord{.step = 1}), strata::Error);
}
