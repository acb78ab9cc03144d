#include "core/optim/loss_scaler.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/error.hpp"

using namespace strata::optim;

namespace {

struct Row {
  LossScaling settings;
  std::string steps;           // x: an overflow
  std::vector<double> scales;  // of DeepSpeed 0.19.6's class, after each step; 0: it raises
};

}  // namespace

TEST_CASE("the scale of the loss is DeepSpeed's", "[optim]") {
  const Row rows[] = {
      {{.loss_scale_window = 3},
       "x..x...x........xx..",
       {65536, 65536, 65536, 32768, 32768, 32768, 32768, 16384, 16384, 16384,
        16384, 32768, 32768, 32768, 65536, 65536, 65536, 32768, 32768, 32768}},
      {{.loss_scale_window = 3, .consecutive_hysteresis = true},
       "x.xx.x.....x.xx",
       {65536, 65536, 65536, 32768, 32768, 32768, 32768, 32768, 32768, 65536, 65536, 65536, 65536,
        65536, 32768}},
      {{.initial_scale_power = 10, .loss_scale_window = 2, .hysteresis = 1},
       "x.x....x..",
       {512, 512, 256, 256, 256, 512, 512, 256, 256, 256}},
      {{.initial_scale_power = 4, .loss_scale_window = 4, .hysteresis = 3, .min_loss_scale = 4},
       "xxxx.xx",
       {16, 16, 8, 4, 4, 0}},
      {{.initial_scale_power = 2, .loss_scale_window = 4, .hysteresis = 1}, "xxx", {2, 1, 0}},
      {{.initial_scale_power = 2, .loss_scale_window = 4, .min_loss_scale = 3}, "xxx", {4, 3, 0}},
      {{.initial_scale_power = 2, .loss_scale_window = 1, .hysteresis = 1},
       "....x....",
       {4, 8, 16, 32, 16, 16, 32, 64, 128}},
      {{.loss_scale = 128}, "xx..x", {128, 128, 128, 128, 128}},
  };
  for (const auto& row : rows) {
    LossScaler scaler(row.settings);
    for (std::size_t step = 0; step < row.scales.size(); ++step) {
      INFO(row.steps << ", step " << step);
      if (row.scales[step] == 0) {
        REQUIRE_THROWS_AS(scaler.follow(row.steps[step] == 'x'), strata::Error);
      } else {
        scaler.follow(row.steps[step] == 'x');
        REQUIRE(scaler.scale() == row.scales[step]);
      }
    }
  }
}

TEST_CASE("a scaler that is set goes on as the one that was saved", "[optim]") {
  const LossScaling settings{.loss_scale_window = 3};
  LossScaler whole(settings), saved(settings);
  const std::string steps = "x..x...x........xx..";
  for (const char step : steps.substr(0, 9)) whole.follow(step == 'x'), saved.follow(step == 'x');
  LossScaler resumed(settings);
  resumed.set(saved.state());
  for (const char step : steps.substr(9)) {
    whole.follow(step == 'x'), resumed.follow(step == 'x');
    REQUIRE(resumed.scale() == whole.scale());
  }
}

TEST_CASE("scales that cannot be followed are refused", "[optim]") {
  REQUIRE_THROWS_AS(LossScaler({.loss_scale = -1}), strata::UsageError);
  REQUIRE_THROWS_AS(LossScaler({.loss_scale_window = 0}), strata::UsageError);
  REQUIRE_THROWS_AS(LossScaler({.min_loss_scale = 0}), strata::UsageError);
  REQUIRE_THROWS_AS(LossScaler({.hysteresis = 0}), strata::UsageError);
  REQUIRE_NOTHROW(LossScaler({.loss_scale = 8, .loss_scale_window = 0}));
}
