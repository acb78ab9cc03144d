// Training with states and weights in files beside training in memory.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "core/device/cpu_device.hpp"
#include "core/dtype.hpp"
#include "core/train/host_optimizer.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/tier/scratch_tier.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

using namespace strata;
using namespace strata::train;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};

uint64_t pages(uint64_t bytes) { return (bytes + 4095) / 4096 * 4096; }

using made::unit_of;

float some_number(uint64_t i) {
  return static_cast<float>((i * 2654435761U >> 8) % 65536) / 65536 - 0.5F;
}

struct Where {
  bool weights, states;  // whether they are in files
};

// Three units, two of which are longer than a bucket.
struct Model {
  made::Opener opener;
  TrainingRequest request;
  TrainingPlan plan;
  std::unique_ptr<tier::Tier> weights, states;
  std::unique_ptr<device::CpuDevice> device = std::make_unique<device::CpuDevice>(1);
  optim::Workers workers{2};
  OptimizerSettings settings{.weight_decay = 0.1};
  std::unique_ptr<HostUnits> host;
  std::unique_ptr<HostOptimizer> optimizer;
  std::vector<int32_t> ids{1};

  Model(Where where, strata_dtype dtype, const std::string& faults = "{}", bool early = false) {
    request.dtype = dtype;
    request.early_updates = early;
    request.weights_in_files = where.weights;
    request.states_in_files = where.states;
    weights = open(where.weights, faults);
    states = open(where.states, faults);
    plan.units = {unit_of({{700'001}, {3, 300'001}, {1}}, dtype), unit_of({{5}}, dtype),
                  unit_of({{64, 16'400}}, dtype)};
    std::vector<StepUnit> units;
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      const auto& unit = plan.units[u];
      plan.flats.push_back(flat_of(unit));
      plan.placement.push_back({.tier = 0});
      const auto gradient = plan.flats[u].elements * sizeof(float);
      plan.weight_bytes += pages(unit.run_bytes);
      plan.gradient_bytes += pages(gradient);
      plan.largest_gradient = std::max(plan.largest_gradient, pages(gradient));
      units.push_back({.run = unit.run_bytes, .gradient = gradient, .trained = true});
    }
    plan.step = zero::plan_uses(step_uses(units, no_table, {.early_updates = early}), plan.units,
                                {}, 1u << 30, zero::Mode::step);
    host = std::make_unique<HostUnits>(plan, request, *weights, *states, *device);
    optimizer = std::make_unique<HostOptimizer>(plan, request, *host, settings, workers);
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      std::vector<float> master(plan.flats[u].elements);
      for (uint64_t i = 0; i < master.size(); ++i) master[i] = some_number(i + 9973 * u);
      if (auto* memory = host->memory(u, AdamState::master)) std::ranges::copy(master, memory);
      host->fill_states(u, master.data());
      optimizer->copy_weights(u);
    }
  }

  std::unique_ptr<tier::Tier> open(bool files, const std::string& faults) {
    if (!files) return opener.open<made::MemoryTier>();
    return opener.open<made::ScratchTier>(faults);
  }

  // The gradient of the unit `poisoned` is no number at its end.
  void step(uint64_t number, uint32_t poisoned = no_unit) {
    optimizer->begin({.rate = 0.01}, {ids});
    for (uint32_t u = 0; u < plan.units.size(); ++u) {
      auto* gradient = reinterpret_cast<float*>((*host)[u].gradient);
      for (const auto& piece : plan.flats[u].pieces)
        for (uint64_t i = piece.first; i < piece.first + piece.count; ++i)
          gradient[i] = some_number(i + 7919 * number);
      const auto& last = plan.flats[u].pieces.back();
      if (u == poisoned) gradient[last.first + last.count - 1] = NAN;
    }
    for (const auto& action : plan.step.pass)
      if (action.kind == zero::Kind::reduce || action.kind == zero::Kind::update)
        optimizer->work(optimizer->item(action));
  }

  std::vector<float> array(uint32_t unit, AdamState which) const {
    std::vector<float> out(plan.flats[unit].elements);
    host->read(unit, which, 0, out);
    return out;
  }

  // The run form, as lane io reads it where it is in files.
  std::vector<std::byte> form(uint32_t unit) {
    const auto bytes = plan.units[unit].run_bytes;
    const auto* route = host->route(unit);
    if (!route) return {(*host)[unit].weights, (*host)[unit].weights + bytes};
    std::vector<std::byte> out(bytes);
    for (const auto& read : route->reads) {
      auto* memory = device->staging(read.bytes);
      const tier::Transfer transfer{
          .region = read.region, .offset = read.offset, .bytes = read.bytes, .memory = memory};
      REQUIRE(route->tier->submit({&transfer, 1}) == 1);
      tier::Completion done;
      REQUIRE(route->tier->poll({&done, 1}, -1) == 1);
      REQUIRE_FALSE(done.error);
      for (auto p = read.first; p < read.first + read.pieces; ++p)
        std::memcpy(out.data() + route->pieces[p].to, memory + route->pieces[p].from,
                    route->pieces[p].bytes);
    }
    return out;
  }

  bool same_bits(Model& other, uint32_t unit) {
    bool same = true;
    for (const auto which : {AdamState::master, AdamState::moment1, AdamState::moment2}) {
      const auto mine = array(unit, which), theirs = other.array(unit, which);
      for (const auto& piece : plan.flats[unit].pieces)
        same = same && std::memcmp(&mine[piece.first], &theirs[piece.first],
                                   piece.count * sizeof(float)) == 0;
    }
    const auto mine = form(unit), theirs = other.form(unit);
    for (const auto& weight : plan.units[unit].weights)
      same =
          same && std::memcmp(&mine[weight.run.at], &theirs[weight.run.at], weight.run.bytes) == 0;
    return same;
  }
};

}  // namespace

TEST_CASE("states and weights in files get the bits that they get in memory", "[train][files]") {
  const auto dtype = GENERATE(bf16, f32);
  const auto where = GENERATE(Where{false, true}, Where{true, false}, Where{true, true});
  Model memory({false, false}, dtype), files(where, dtype, R"({"queue": 7, "seed": 3})");
  for (uint64_t number = 1; number <= 2; ++number) {
    memory.step(number);
    files.step(number);
    CAPTURE(number, where.weights, where.states, dtype.bits);
    for (uint32_t u = 0; u < 3; ++u) {
      CAPTURE(u);
      REQUIRE(files.same_bits(memory, u));
    }
  }
  const auto bytes = files.host->bytes();
  CHECK((bytes.file_states > 0) == where.states);
  CHECK((bytes.file_weights > 0) == where.weights);
}

TEST_CASE("early updates give the bits of late ones", "[train][files]") {
  const auto dtype = GENERATE(bf16, f32);
  const auto where = GENERATE(Where{false, false}, Where{true, true});
  Model late({false, false}, dtype), early(where, dtype, R"({"queue": 7, "seed": 4})", true);
  for (uint64_t number = 1; number <= 2; ++number) {
    late.step(number);
    early.step(number);
    CAPTURE(number, where.weights, dtype.bits);
    for (uint32_t u = 0; u < 3; ++u) REQUIRE(early.same_bits(late, u));
    const auto &one = early.optimizer->gradients(), &other = late.optimizer->gradients();
    CHECK(one.norm == other.norm);
    CHECK(one.finite);
    CHECK(one.updated == 0);
  }
}

TEST_CASE("behind a gradient that is no number a step updates no unit", "[train][files]") {
  // Early updates are made in the order 2, 0, 1, gradients are whole in the order 2, 1, 0.
  const auto poisoned = GENERATE(0u, 1u, 2u);
  const auto where = GENERATE(Where{false, false}, Where{true, true});
  Model early(where, bf16, "{}", true), late({false, false}, bf16), clean({false, false}, bf16);
  for (auto* model : {&early, &late, &clean}) model->step(1);
  CAPTURE(poisoned, where.states);
  early.step(2, poisoned);
  late.step(2, poisoned);
  const uint32_t updated = poisoned == 2 ? 0 : 1;
  CHECK_FALSE(early.optimizer->gradients().finite);
  CHECK(early.optimizer->gradients().updated == updated);
  CHECK(early.optimizer->updates() == 1 + updated);
  CHECK_FALSE(late.optimizer->gradients().finite);
  CHECK(late.optimizer->gradients().updated == 0);
  CHECK(late.optimizer->updates() == 1);
  for (uint32_t u = 0; u < 3; ++u) {
    CAPTURE(u);
    CHECK(late.same_bits(clean, u));
    if (u < 2 || updated == 0) CHECK(early.same_bits(clean, u));
  }
  clean.step(2);
  if (updated > 0) CHECK(early.same_bits(clean, 2));
  // The bucket that was read for an update which was not made does no harm.
  Model memory({false, false}, bf16, "{}", true);
  memory.step(1);
  memory.step(2, poisoned);
  for (auto* model : {&early, &memory}) model->step(3);
  for (uint32_t u = 0; u < 3; ++u) CHECK(early.same_bits(memory, u));
}

TEST_CASE("early updates are refused where gradients are clipped", "[train][files]") {
  Model model({false, false}, f32, "{}", true);
  CHECK_THROWS_WITH(
      HostOptimizer(model.plan, model.request, *model.host, {.clip = 1}, model.workers),
      Catch::Contains("wait for all gradients"));
}

TEST_CASE("parts of an array in files are read and written alone", "[train][files]") {
  made::Opener opener;
  const auto tier = opener.open<made::ScratchTier>();
  const uint64_t count = 1000;
  StateFiles files(*tier, {{.elements = 10}, {.elements = count}, {.elements = 70}}, 192);
  const auto fill = [](const Bucket& bucket) {
    for (uint64_t i = 0; i < bucket.count; ++i) {
      const auto at = static_cast<float>(bucket.first + i);
      bucket.master[i] = at;
      bucket.moment1[i] = at + 0.25F;
      bucket.moment2[i] = at + 0.5F;
    }
  };
  for (uint32_t u = 0; u < 3; ++u) files.fill(u, fill);
  std::vector<float> expected(count), got(count);
  for (uint64_t i = 0; i < count; ++i) expected[i] = static_cast<float>(i) + 0.25F;
  for (const auto& [first, length] :
       {std::pair<uint64_t, uint64_t>{0, 1}, {191, 2}, {5, 700}, {999, 1}, {192, 192}}) {
    const std::vector<float> values(length, -static_cast<float>(first));
    files.write(1, AdamState::moment1, first, values);
    std::ranges::copy(values, expected.begin() + static_cast<std::ptrdiff_t>(first));
    files.read(1, AdamState::moment1, 0, got);
    REQUIRE(got == expected);
    std::vector<float> part(length);
    files.read(1, AdamState::moment1, first, part);
    REQUIRE(part == values);
  }
  // Nothing else has changed.
  for (const auto& [which, more] :
       {std::pair{AdamState::master, 0.0F}, {AdamState::moment2, 0.5F}}) {
    files.read(1, which, 0, got);
    for (uint64_t i = 0; i < count; ++i) REQUIRE(got[i] == static_cast<float>(i) + more);
  }
  std::vector<float> other(70);
  files.read(2, AdamState::moment1, 0, other);
  CHECK(other.front() == 0.25F);
  CHECK(other.back() == 69.25F);
  uint64_t seen = 0;
  files.masters(1, [&](const Bucket& bucket) {
    CHECK(bucket.first == seen);
    CHECK(bucket.master[0] == static_cast<float>(seen));
    seen += bucket.count;
  });
  CHECK(seen == count);
  std::vector<float> two(2);
  REQUIRE_THROWS_AS(files.read(1, AdamState::moment1, 999, two), Error);
}

TEST_CASE("no transfer of states or weights fails unseen", "[train][files]") {
  const auto kind = GENERATE("fail_at", "refuse_at");
  const bool states = GENERATE(true, false);
  made::Opener opener;
  const auto work = [&](tier::Tier& tier) {
    if (states) {
      StateFiles files(tier, {{.elements = 500}, {.elements = 300, .has_master = false}}, 128);
      const auto use = [](const Bucket& bucket) {
        std::fill_n(bucket.moment1, bucket.count, 1.0F);
      };
      for (uint32_t u = 0; u < 2; ++u) files.fill(u, use);
      files.update(0, 1, use);
      files.update(1, no_unit, use);
      files.masters(0, [](const Bucket&) {});
    } else {
      WeightFiles files(tier, std::vector<uint64_t>{5000, 0, 700}, 1024);
      for (const auto& [unit, bytes] : {std::pair<uint32_t, uint64_t>{0, 5000}, {2, 700}}) {
        files.begin(unit);
        for (uint64_t at = 0; at < bytes;) {
          const auto part = files.part(at, bytes - at);
          std::ranges::fill(part, std::byte{1});
          at += part.size();
        }
        files.end();
      }
    }
  };
  uint64_t failures = 0;
  for (bool failed = true; failed; failures += failed) {
    const auto tier = opener.open<made::ScratchTier>(
        "{\"" + std::string(kind) + "\": " + std::to_string(failures) + R"(, "max_io": 1024})");
    failed = false;
    try {
      work(*tier);
    } catch (const Error& error) {
      failed = true;
      CHECK_THAT(error.what(),
                 Catch::Contains("offload/made") &&
                     (Catch::Contains("the disk burns") || Catch::Contains("refused today")));
    }
    CHECK(tier->in_flight() == 0);
  }
  CHECK(failures >= (states ? 20 : 6));
}
