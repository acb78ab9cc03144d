#include "app/training_log/bound.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace strata::training_log;

// With these rates a unit of any work takes a second.
constexpr StepRates ones{.flops = 1,
                         .to_device = 1,
                         .to_host = 1,
                         .disk_read = 1,
                         .disk_write = 1,
                         .device_memory = 1,
                         .host_memory = 1};

StepWork work(PhaseWork forward, PhaseWork backward, double adam, bool clipping) {
  return {.forward = forward,
          .backward = backward,
          .update = {.host_memory = adam},
          .clipping = clipping};
}

}  // namespace

TEST_CASE("with clipping the update is hidden behind the forward alone", "[app][training_log]") {
  const PhaseWork forward{.flops = 2, .to_device = 3}, backward{.flops = 6, .to_device = 3};
  const auto slow = step_bound(work(forward, backward, 7, true), ones);
  CHECK(slow.seconds == 6 + 7);
  CHECK(slow.by == BoundBy::host_memory);
  CHECK(slow.backward == 6);
  CHECK(slow.forward == 3);
  CHECK(slow.update == 7);
  const auto quick = step_bound(work(forward, backward, 2, true), ones);
  CHECK(quick.seconds == 6 + 3);
  CHECK(quick.by == BoundBy::compute);
}

TEST_CASE("a resource that holds up both parts counts with both", "[app][training_log]") {
  // Backward is bound by compute for 4 s; forward by the link for 5. With the link also in
  // backward, it is 3 and 5.
  CHECK(step_bound(work({.to_device = 5}, {.flops = 4}, 0, true), ones).by == BoundBy::to_device);
  CHECK(step_bound(work({.flops = 3}, {.flops = 3, .to_host = 1}, 5, true), ones).by ==
        BoundBy::host_memory);
  CHECK(step_bound(work({.flops = 3}, {.flops = 3}, 2, true), ones).by == BoundBy::compute);
}

TEST_CASE("without clipping the resource with the most work is the bound", "[app][training_log]") {
  const PhaseWork forward{.flops = 2, .to_device = 4}, backward{.flops = 6, .to_device = 3};
  const auto bound = step_bound(work(forward, backward, 7.5, false), ones);
  CHECK(bound.seconds == 8);
  CHECK(bound.by == BoundBy::compute);
  CHECK(step_bound(work(forward, backward, 9, false), ones).by == BoundBy::host_memory);
}

TEST_CASE("directions of the link overlap, reads and writes of a disk do not",
          "[app][training_log]") {
  const PhaseWork backward{.to_device = 5, .to_host = 4, .read_from_disk = 3, .written_to_disk = 3};
  const auto bound = step_bound(work({}, backward, 0, false), ones);
  CHECK(bound.seconds == 6);
  CHECK(bound.by == BoundBy::disk);
  auto narrow = ones;
  narrow.to_host = 0.5;
  CHECK(step_bound(work({}, backward, 0, false), narrow).seconds == 8);
  CHECK(step_bound(work({}, backward, 0, false), narrow).by == BoundBy::to_host);
}

TEST_CASE("states on a disk bound the update by the disk", "[app][training_log]") {
  StepWork step = work({.flops = 1}, {.flops = 2}, 3, true);
  step.update.read_from_disk = step.update.written_to_disk = 2;
  const auto bound = step_bound(step, ones);
  CHECK(bound.seconds == 2 + 4);
  CHECK(bound.by == BoundBy::disk);
}

TEST_CASE("small steps are bound by the device's memory", "[app][training_log]") {
  const auto bound =
      step_bound(work({.flops = 1, .device_memory = 2}, {.device_memory = 3}, 1, true), ones);
  CHECK(bound.seconds == 5);
  CHECK(bound.by == BoundBy::memory);
}

TEST_CASE("an unknown rate leaves its resource out", "[app][training_log]") {
  auto rates = ones;
  rates.host_memory = 0;
  const auto bound = step_bound(work({.flops = 1}, {.flops = 2}, 100, true), rates);
  CHECK(bound.seconds == 3);
  const auto none = step_bound(work({.flops = 1}, {.flops = 2}, 100, true), {});
  CHECK(none.by == BoundBy::nothing);
  CHECK(bound_text(none, 1.5) == "step 1.5 s, no bound: no rate is known");
}

TEST_CASE("the line of a bound has the measured step beside it", "[app][training_log]") {
  CHECK(bound_text({.seconds = 0.98, .by = BoundBy::host_memory}, 1.2251) ==
        "step 1.23 s, bound 0.98 s by host memory: 80 %");
  CHECK(bound_text({.seconds = 2000, .by = BoundBy::to_device}, 4000) ==
        "step 4000 s, bound 2000 s by link to the device: 50 %");
}

TEST_CASE("sums of gradients in host memory are a part of the backward", "[app][training_log]") {
  const auto bound = step_bound(work({}, {.flops = 1, .host_memory = 2}, 3, false), ones);
  CHECK(bound.seconds == 5);
  CHECK(bound.by == BoundBy::host_memory);
  CHECK(bound.backward_by == BoundBy::host_memory);
}

TEST_CASE("the parts of a bound are named with their resources", "[app][training_log]") {
  const auto bound = step_bound(work({.to_device = 2}, {.flops = 4}, 1, true), ones);
  CHECK(parts_text(bound) ==
        "6 s by compute; forward 2 s by link to the device, backward 4 s by compute, update 1 s by "
        "host memory");
}
