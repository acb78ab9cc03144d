#include "core/train/snapshot.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <semaphore>
#include <thread>

#include "core/device/cpu_device.hpp"
#include "core/error.hpp"
#include "core/train/host_optimizer.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"

using namespace strata;
using namespace strata::train;
using device::Lane;

namespace {

constexpr uint32_t units = 4;
constexpr uint64_t elements = 1024;  // of a unit

// Keeps the lane from its later work until it is opened.
class Gate : public device::HostWork {
 public:
  void work(uint32_t) override { open_.acquire(); }
  void open() { open_.release(); }

 private:
  std::binary_semaphore open_{0};
};

// Training steps of some units, all of whose gradients are the unit's number plus 1.
struct Run {
  made::Opener opener;
  TrainingRequest request;
  TrainingPlan plan;
  std::unique_ptr<tier::Tier> weights = opener.open<made::MemoryTier>(),
                              states = opener.open<made::MemoryTier>();
  Gate gate;
  std::unique_ptr<device::CpuDevice> device = std::make_unique<device::CpuDevice>(units + 1);
  std::unique_ptr<HostUnits> host;
  optim::Workers workers{2};
  OptimizerSettings settings{.weight_decay = 0.5};
  std::unique_ptr<HostOptimizer> optimizer;
  std::vector<int32_t> ids{1};
  uint64_t steps = 0;

  Run() {
    std::vector<StepUnit> step;
    for (uint32_t u = 0; u < units; ++u) {
      zero::Unit unit;
      unit.name = "unit " + std::to_string(u);
      unit.kind = STRATA_UNIT_BODY;
      zero::Weight weight;
      weight.shape = {4, elements / 4};
      weight.run = source::dense_form({STRATA_FLOAT, 32, 1}, weight.shape);
      weight.run.bytes = unit.run_bytes = elements * sizeof(float);
      unit.weights.push_back(weight);
      plan.flats.push_back(flat_of(unit));
      step.push_back({.run = unit.run_bytes, .gradient = unit.run_bytes, .trained = true});
      plan.units.push_back(std::move(unit));
    }
    plan.step =
        zero::plan_uses(step_uses(step, no_table, {}), plan.units, {}, 1 << 20, zero::Mode::step);
    plan.weight_bytes = plan.gradient_bytes = units * elements * sizeof(float);
    host = std::make_unique<HostUnits>(plan, request, *weights, *states, *device);
    for (uint32_t u = 0; u < units; ++u) {
      const auto& unit = (*host)[u];
      auto* gradient = reinterpret_cast<float*>(unit.gradient);
      for (auto* array : {unit.master, unit.moment1, unit.moment2, gradient})
        std::fill_n(array, elements, static_cast<float>(1 + u));
    }
    optimizer = std::make_unique<HostOptimizer>(plan, request, *host, settings, workers);
  }
  ~Run() { wait(); }

  void call(zero::Kind kind) {
    for (const auto& action : plan.step.pass) {
      if (action.kind != kind) continue;
      device->call(*optimizer, optimizer->item(action));
      if (kind == zero::Kind::update) device->record(Lane::host, action.unit, steps);
    }
  }
  // Issues a step and returns when its gradients are known, as training does. The updates of a
  // gated one begin when the gate is opened.
  void step(bool gated = false) {
    ++steps;
    optimizer->begin({.rate = 0.1}, {ids});
    call(zero::Kind::reduce);
    device->record(Lane::host, units, steps);
    device->synchronize(units, steps);
    if (gated) device->call(gate, 0);
    call(zero::Kind::update);
  }
  // Waits for all updates, also for those that fail.
  void wait() {
    for (uint32_t u = 0; u < units; ++u) try {
        device->synchronize(u, steps);
      } catch (const Error&) {
      }
  }

  std::unique_ptr<Snapshot> snapshot() {
    std::vector<Snapshot::Update> updates;
    for (uint32_t u = 0; u < units; ++u) updates.push_back({.event = u, .occurrence = steps});
    return std::make_unique<Snapshot>(optimizer->hold(), steps, *device, std::move(updates));
  }

  // The arrays of a unit, one after the other. The thread gives way to others between elements.
  std::vector<float> read(uint32_t u) const {
    const auto& unit = (*host)[u];
    std::vector<float> out;
    for (const auto* array : {unit.master, unit.moment1, unit.moment2})
      for (uint64_t i = 0; i < elements; ++i) {
        out.push_back(array[i]);
        std::this_thread::yield();
      }
    return out;
  }
};

}  // namespace

TEST_CASE("a snapshot has the values of one step while the next one goes on", "[train][snapshot]") {
  Run run, plain;
  for (int round = 0; round < 4; ++round) {
    run.step(true);
    std::vector<std::vector<float>> seen, expected;
    std::thread reader([&, snapshot = run.snapshot()]() mutable {
      for (uint32_t u = 0; u < units; ++u) {
        snapshot->wait(u);
        seen.push_back(run.read(u));
        snapshot->release(u);
      }
      snapshot.reset();
    });
    run.gate.open();
    run.step();
    reader.join();
    plain.step();
    plain.wait();
    for (uint32_t u = 0; u < units; ++u) expected.push_back(plain.read(u));
    CHECK(seen == expected);
    plain.step();
    plain.wait();
    run.wait();
    for (uint32_t u = 0; u < units; ++u) {
      REQUIRE(plain.read(u) != expected[u]);
      CHECK(run.read(u) == plain.read(u));
    }
  }
}

TEST_CASE("a snapshot that is given up holds no update back", "[train][snapshot]") {
  Run run;
  run.step();
  {
    const auto snapshot = run.snapshot();
    snapshot->wait(0);
    snapshot->release(0);
    run.step();
    REQUIRE_THROWS_WITH(run.snapshot(), Catch::Contains("read already"));
  }
  run.wait();
  run.step();
  const auto snapshot = run.snapshot();
  for (uint32_t u = 0; u < units; ++u) snapshot->wait(u);
}

TEST_CASE("a snapshot of updates that failed says so", "[train][snapshot]") {
  Run run;
  run.device->fail(Lane::host, std::make_exception_ptr(Error("disk", "it is gone", "")));
  ++run.steps;
  run.optimizer->begin({.rate = 0.1}, {run.ids});
  run.call(zero::Kind::update);
  const auto snapshot = run.snapshot();
  REQUIRE_THROWS_WITH(snapshot->wait(0), Catch::Contains("it is gone"));
}
