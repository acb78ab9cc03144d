#include <catch2/catch.hpp>
#include <clocale>
#include <cmath>
#include <limits>

#include "app/training_log/number_text.hpp"
#include "app/training_log/progress_line.hpp"
#include "app/training_log/script_line.hpp"

namespace {

using namespace strata;
using namespace strata::training_log;

constexpr uint64_t gib = 1ULL << 30;

StepRecord twelfth() {
  return {.step = 12,
          .total = 300,
          .loss = 1.23451,
          .lr = 1e-5,
          .grad_norm = 0.8312,
          .tokens = 6824,
          .seconds = 2,
          .eta_seconds = 200.4,
          .flops = 82.4e12,
          .moved_to_device = 8 * gib,
          .moved_to_host = 4 * gib + gib / 4};
}

}  // namespace

TEST_CASE("the progress line says how far and how fast a run is", "[app][training_log]") {
  CHECK(progress_line(twelfth()) ==
        "step 12/300  loss 1.2345  lr 1.0e-05  |g| 0.83  3,412 tokens/s  41.2 TFLOPS  "
        "moved 12.2 GiB  left 3 min 20 s");
}

TEST_CASE("the progress line leaves out what is unknown", "[app][training_log]") {
  StepRecord step{.step = 1, .loss = std::nan(""), .grad_norm = -INFINITY, .skipped = true};
  CHECK(progress_line(step) == "step 1  loss nan  lr 0.0e+00  |g| -inf  skipped");
  step = {.step = 1,
          .total = 2,
          .loss = 1,
          .lr = 2e-4,
          .grad_norm = 12345,
          .tokens = 3,
          .seconds = 2,
          .read_from_disk = 2048,
          .written_to_disk = 1024};
  CHECK(progress_line(step) ==
        "step 1/2  loss 1.0000  lr 2.0e-04  |g| 1.2e+04  1.5 tokens/s  disk 3.00 KiB");
}

TEST_CASE("times and counts are as people write them", "[app][training_log]") {
  CHECK(duration_text(0) == "0 s");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(59.6) == "1 min");
  CHECK(duration_text(3599) == "59 min 59 s");
  CHECK(duration_text(2 * 3600 + 5 * 60 + 59) == "2 h 5 min");
  CHECK(duration_text(3 * 86400 + 4 * 3600) == "3 d 4 h");
  CHECK(duration_text(-1).empty());
  CHECK(duration_text(std::nan("")).empty());
  CHECK(duration_text(std::numeric_limits<double>::infinity()).empty());
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(significant(1234.4) == "1234");
  CHECK(significant(999.7) == "1000");
  CHECK(significant(0.01234) == "0.0123");
  CHECK(fixed(1e300, 2).size() == 304);
}

TEST_CASE("steps of the warm-up are not timed", "[app][training_log]") {
  StepTimes times(2, false);
  for (int64_t n = 1; n <= 5; ++n)
    times.add({.step = n, .tokens = 1000, .seconds = n <= 2 ? 100.0 : double(n), .flops = 8e12});
  CHECK(times.summary() ==
        "3 steps timed after 2 of warm-up: 4000 ms on average, 3000 to 5000 ms, 2.00 TFLOPS, "
        "250 tokens/s");
  StepTimes mixture(0, true);
  mixture.add({.step = 7, .tokens = 10, .seconds = 0.5, .flops = 1});
  CHECK(mixture.summary() == "1 step timed after 0 of warm-up: 500 ms on average, 500 to 500 ms");
}

TEST_CASE("a run within its warm-up says that no step was timed", "[app][training_log]") {
  StepTimes times(20, false);
  for (int64_t n = 1; n <= 10; ++n) times.add({.step = n, .seconds = 1});
  CHECK(times.summary() == "no step timed: the run had 10 steps, and the first 20 are warm-up");
}

TEST_CASE("a step without counted operations has no TFLOPS in its line", "[app][training_log]") {
  CHECK(script_line({.step = 3, .tokens = 100, .seconds = 0.05}, 2, false) ==
        "Step    3 | Loss: 2.0000 | Time:    50ms | Tokens/s:   2000");
}

TEST_CASE("a key tells a mixture whatever its value", "[app][training_log]") {
  CHECK(is_mixture(Json{{"num_experts", nullptr}}));
  CHECK(is_mixture(Json{{"router_aux_loss_coef", 0}}));
  CHECK(!is_mixture(Json{{"text_config", {{"num_experts", 8}}}}));
  CHECK(!is_mixture(Json::array({"num_experts"})));
}
