#include "core/optim/schedule.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace strata::optim;

namespace {

struct Row {
  Schedule schedule;
  std::vector<double> rates;  // of DeepSpeed 0.19.6's class, before each update
};

}  // namespace

TEST_CASE("DeepSpeed's schedules have its rates", "[optim]") {
  const Row rows[] = {
      {{.curve = Curve::warmup_lr, .rate = 0.01, .warm_up = 5, .least = 0.001},
       {0.001, 0.001, 0.0048760890226605385, 0.007143455750373869, 0.008752178045321076,
        0.010000000000000002, 0.010000000000000002, 0.010000000000000002}},
      {{.curve = Curve::warmup_lr, .rate = 0.01, .warm_up = 4, .warm_up_type = WarmUp::linear},
       {0.0, 0.0, 0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01}},
      {{.curve = Curve::warmup_lr, .rate = 0.01, .warm_up = 1, .least = 0.002},
       {0.002, 0.002, 0.01, 0.01, 0.01}},
      {{.curve = Curve::warmup_decay_lr, .rate = 0.01, .steps = 9, .warm_up = 3, .least = 0.001},
       {0.001, 0.001, 0.006678367782143116, 0.010000000000000002, 0.010000000000000002, 0.0085,
        0.007, 0.0055000000000000005, 0.004, 0.0025, 0.001, 0.001}},
      {{.curve = Curve::warmup_decay_lr,
        .rate = 0.01,
        .steps = 3,
        .warm_up = 4,
        .warm_up_type = WarmUp::linear},
       {0.0, 0.0, 0.0025, 0.005, 0.0075, 0.0, 0.0, 0.0}},
      {{.curve = Curve::warmup_cosine_lr,
        .rate = 0.02,
        .steps = 9,
        .warm_up = 3,
        .least_ratio = 0.1,
        .end_ratio = 0.05},
       {0.0, 0.002, 0.01335673556428623, 0.02, 0.01872724133595217, 0.01525, 0.0105,
        0.005750000000000002, 0.0022727586640478325, 0.001, 0.001, 0.001, 0.001}},
      {{.curve = Curve::warmup_cosine_lr,
        .rate = 0.02,
        .steps = 10,
        .warm_up = 4,
        .warm_up_type = WarmUp::linear},
       {0.0, 0.0, 0.005, 0.01, 0.015, 0.018660388012440604, 0.0150005, 0.010001,
        0.0050015000000000025, 0.0013416119875593975, 2.0000000000000003e-06,
        2.0000000000000003e-06, 2.0000000000000003e-06}},
      {{.curve = Curve::warmup_cosine_lr,
        .rate = 0.02,
        .steps = 4,
        .warm_up = 4,
        .warm_up_type = WarmUp::linear},
       {0.0, 0.0, 0.005, 0.01, 0.015, 2.0000000000000003e-06, 2.0000000000000003e-06,
        2.0000000000000003e-06}},
  };
  for (const auto& row : rows)
    for (uint64_t step = 0; step < row.rates.size(); ++step) {
      INFO("curve " << static_cast<int>(row.schedule.curve) << ", step " << step);
      REQUIRE(learning_rate(row.schedule, step) ==
              Approx(row.rates[step]).epsilon(1e-13).margin(0));
    }
}
