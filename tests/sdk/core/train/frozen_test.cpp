#include <catch2/catch.hpp>
#include <cmath>

#include "core/device/cpu_device.hpp"
#include "core/error.hpp"
#include "core/train/product_unit.hpp"
#include "core/train/training.hpp"
#include "tests/sdk/core/run/checking_compute.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/train/checking_trainer.hpp"
#include "tests/sdk/core/train/least_memory.hpp"

using namespace strata;
using namespace strata::train;

namespace {

constexpr uint32_t micro_batches = 2;

TrainingRequest request_of(const run::Model& model) {
  const adapter::Modules modules(model.family->units(), model.tied());
  std::vector<adapter::Module> linear;
  for (const auto& one : modules.all())
    if (one.linear || one.parameter) linear.push_back(one);
  TrainingRequest request;
  request.tokens = request.longest = 5;
  request.micro_batches = micro_batches;
  request.products = products_of(std::move(linear), 2, 3, 0);
  return request;
}

struct Run {
  made::MadeModel model;
  made::Opener opener;
  made::Trained seen;
  made::Seen loading;
  made::CheckingTrainer* trainer = nullptr;
  std::unique_ptr<Training> training;

  explicit Run(uint32_t seed) : model(seed) {}

  void open(const TrainingRequest& request) {
    TrainingParts parts;
    parts.model = &model.model;
    parts.request = request;
    parts.plan = prepare_training(model.model, request);
    parts.optimizer = {.weight_decay = 0.1};
    parts.threads = 2;
    parts.seed = 11;
    parts.weights = opener.open<made::MemoryTier>();
    parts.states = opener.open<made::MemoryTier>();
    parts.files = opener.open<made::FileTier>();
    parts.trainer.products = parts.plan.products;
    parts.open_compute = [this](const run::ComputeOptions&) {
      return std::make_unique<made::CheckingCompute>(model, loading);
    };
    parts.open_trainer = [this](const TrainerOptions&) {
      auto out = std::make_unique<made::CheckingTrainer>(model, seen);
      trainer = out.get();
      return out;
    };
    parts.open_device = [](uint32_t events) { return std::make_unique<device::CpuDevice>(events); };
    training = std::make_unique<Training>(std::move(parts));
  }

  StepResult step(std::size_t batches = micro_batches) {
    static constexpr std::array<int32_t, 4> ids{1, 4, 2, 1};
    static const run::Sequence sequence{0, 0, 4, 4};
    static constexpr std::array<uint64_t, 1> rows{0};
    static constexpr std::array<int64_t, 4> targets{4, 2, 1, -1};
    static constexpr std::array<float, 4> weights{1, 1, 1, 0};
    const MicroBatch one{ids, {&sequence, 1}, rows, targets, weights};
    const std::vector<MicroBatch> all(batches, one);
    trainer->begin_step();
    return training->step(all, {}, {.rate = 0.01});
  }

  const zero::Unit& products() const {
    return training->plan().units[training->plan().product_unit];
  }
  std::vector<float> master() const {
    const auto& plan = training->plan();
    const auto* at = training->host()[plan.product_unit].master;
    return {at, at + plan.flats[plan.product_unit].elements};
  }
};

}  // namespace

TEST_CASE("a frozen model's units have no state, and their weights are right in each use",
          "[train][frozen]") {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    Run run(seed);
    auto request = request_of(run.model.model);
    request.keep_graphs = seed % 3 == 0;
    const auto least = made::least_of(run.model.model, request);
    request.fill_device = seed % 4 != 0;
    if (seed % 4 == 1) request.device_memory = least;
    if (seed % 4 == 2) request.device_memory = least + (seed << 12);
    if (seed % 4 == 3) request.device_memory = 64 << 20;
    request.inputs_in_tier = seed % 8 > 3;
    request.early_updates = seed % 3 == 0;
    INFO("seed " << seed << ", least " << least);
    run.open(request);
    const auto& plan = run.training->plan();
    for (std::size_t u = 0; u < plan.product_unit; ++u) {
      CHECK(plan.flats[u].elements == 0);
      if (plan.step.objects[u].home == zero::Object::Home::arena)
        CHECK(plan.step.homes[u] == plan.scoring.homes[u]);
    }
    CHECK(plan.state_bytes ==
          states_of(request.rule, run.products(), plan.flats[plan.product_unit]).bytes);
    if (request.device_memory) CHECK(plan.device_bytes <= *request.device_memory);
    run.seen.gradient = 0.25;
    for (int s = 0; s < 3; ++s) run.step(s == 1 ? 1 : micro_batches);
    run.training->finish();
    CHECK(run.seen.wrong == 0);
    CHECK(run.loading.wrong == 0);
    CHECK(run.seen.rows == 5 * 4);
    const auto calls = [&](const char* kind) {
      return std::ranges::count_if(run.seen.calls,
                                   [&](const auto& call) { return call.starts_with(kind); });
    };
    CHECK(calls("backward ") == calls("record "));
    CHECK((calls("record ") > 0) == request.keep_graphs);
    CHECK((calls("run ") > 0) == !request.keep_graphs);
    if (request.keep_graphs) CHECK(plan.stored_inputs == 0);
  }
}

TEST_CASE("a step uses the products first, stores their gradients last, and sees its own updates",
          "[train][frozen]") {
  Run run(3);
  run.open(request_of(run.model.model));
  const auto& plan = run.training->plan();
  const auto& flat = plan.flats[plan.product_unit];
  const auto before = run.master();
  uint64_t count = 0;
  for (const auto& piece : flat.pieces) count += piece.count;
  run.seen.gradient = 0.5;
  const auto result = run.step();
  // The gradients of the two micro-batches are 0.5 and 1.
  CHECK(result.gradient_norm == Approx(1.5 * std::sqrt(static_cast<double>(count))));
  run.training->finish();
  const auto after = run.master();
  for (const auto& piece : flat.pieces)
    for (auto i = piece.first; i < piece.first + piece.count; ++i) {
      // Adam's first step moves each element by the rate, beside its decay.
      const auto expected = before[i] * (1 - 0.01 * 0.1) - 0.01;
      REQUIRE(after[i] == Approx(expected).epsilon(1e-4).margin(1e-6));
    }
  run.seen.gradient = 0.0;
  run.step();
  REQUIRE(run.seen.used.size() == 4);
  CHECK(run.seen.used[0] == before);
  CHECK(run.seen.used[1] == before);
  CHECK(run.seen.used[2] == after);
  const auto& calls = run.seen.calls;
  CHECK(calls.front() == "use");
  CHECK(calls[1] == "begin");
  CHECK(calls.back() == "gradients");
  const auto end = std::ranges::find(calls, "gradients");
  REQUIRE(end + 1 != calls.end());
  CHECK(*(end + 1) == "use");
  CHECK(std::ranges::count(calls, "gradients") == 4);
}

TEST_CASE("a validation between two steps uses the products as they were updated",
          "[train][frozen]") {
  for (const bool resident : {false, true}) {
    Run run(4);
    auto request = request_of(run.model.model);
    if (resident) request.device_memory = 64 << 20;
    request.fill_device = resident;
    run.open(request);
    run.seen.gradient = 1;
    run.step();
    const std::array<int32_t, 2> ids{1, 2};
    const run::Sequence sequence{0, 0, 2, 2};
    const std::array<uint64_t, 1> rows{0};
    const std::array<int64_t, 2> targets{2, -1};
    const std::array<float, 2> weights{1, 0};
    run.seen.used.clear();
    run.training->score({ids, {&sequence, 1}, rows, targets, weights}, {.training = false});
    REQUIRE(run.seen.used.size() == 1);
    CHECK(run.seen.used[0] == run.master());
    run.step();
    CHECK(run.seen.wrong == 0);
    CHECK(run.seen.used[1] == run.seen.used[0]);
  }
}

TEST_CASE("the least budget beside a frozen model is accepted, and one byte less is refused",
          "[train][frozen]") {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const made::MadeModel model(seed);
    auto request = request_of(model.model);
    request.fill_device = seed % 2;
    request.separate_device = seed % 3 == 0;
    request.keep_graphs = seed % 5 == 0;
    const auto least = made::least_of(model.model, request);
    INFO("seed " << seed << ", least " << least);
    request.device_memory = least - 1;
    CHECK_THROWS_WITH(prepare_training(model.model, request),
                      Catch::Contains("at least " + std::to_string(least)));
    request.device_memory = least;
    const auto plan = prepare_training(model.model, request);
    CHECK(plan.device_bytes <= least);
    for (const auto more : {1u << 12, 1u << 14, 1u << 18}) {
      request.device_memory = least + more;
      CHECK(prepare_training(model.model, request).device_bytes <= least + more);
    }
  }
}
