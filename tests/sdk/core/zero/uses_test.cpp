// Plans over uses whose objects are made, stored and updated, as those of a training step.
#include "core/zero/uses.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "core/error.hpp"
#include "core/zero/executor.hpp"
#include "core/zero/plan.hpp"
#include "core/zero/virtual_clock.hpp"

using namespace strata;
using namespace strata::zero;

namespace {

using Home = Object::Home;

struct StepCase {
  std::vector<Unit> units;
  Placement placement;
  Uses uses;
  uint64_t budget = 0;
};

// Random sizes and homes; every micro-batch runs and reruns all units, and all are updated: some
// behind their last rerun, where `early`, and the others behind all.
StepCase random_step(uint32_t seed, bool early = false) {
  std::mt19937 random(seed);
  const auto up_to = [&](uint32_t n) { return static_cast<uint32_t>(random() % (n + 1)); };
  StepCase out;
  const uint32_t count = 1 + up_to(7), micro_batches = 1 + up_to(2);
  const bool inputs_stored = up_to(1) == 1;
  for (uint32_t u = 0; u < count; ++u) {
    Unit unit;
    unit.name = "unit " + std::to_string(u);
    unit.run_bytes = 1 + up_to(100'000);
    unit.stored_bytes = 1 + up_to(50'000);
    out.units.push_back(unit);
    out.placement.push_back({.tier = 0});
    out.uses.objects.push_back({.unit = u,
                                .home = up_to(3) == 0 ? Home::kept : Home::tier,
                                .stored = up_to(1) * unit.stored_bytes,
                                .run = unit.run_bytes});
  }
  for (uint32_t u = 0; u < count; ++u)
    out.uses.objects.push_back({.kind = Object::Kind::input,
                                .unit = u,
                                .home = inputs_stored ? Home::tier : Home::arena,
                                .run = 1 + up_to(20'000)});
  for (uint32_t u = 0; u < count; ++u)
    out.uses.objects.push_back(
        {.kind = Object::Kind::gradient, .unit = u, .run = 2UL * out.units[u].run_bytes});
  std::vector<uint32_t> late;
  const auto update = [&](uint32_t u) {
    out.uses.uses.push_back(
        {.kind = Use::Kind::update, .unit = u, .weights = u, .gradient = 2 * count + u});
  };
  for (uint32_t m = 0; m < micro_batches; ++m) {
    for (uint32_t u = 0; u < count; ++u)
      out.uses.uses.push_back({.unit = u, .weights = u, .input = count + u, .micro_batch = m});
    for (uint32_t u = count; u-- > 0;) {
      out.uses.uses.push_back({.kind = Use::Kind::rerun,
                               .unit = u,
                               .weights = u,
                               .input = count + u,
                               .gradient = 2 * count + u,
                               .staging = m > 0 ? u % 2 : no_object,
                               .micro_batch = m});
      if (m + 1 < micro_batches) continue;
      if (early && up_to(3) > 0)
        update(u);
      else
        late.insert(late.begin(), u);
    }
  }
  for (const auto u : late) update(u);
  out.uses.experts = early && up_to(1) == 1;
  out.budget = least_arena(out.uses, {}) + uint64_t{up_to(3)} * up_to(300'000);
  return out;
}

// Gives some units states on the device, which updates them behind the norm and before the others.
void move_states(StepCase& c, uint32_t seed) {
  std::mt19937 random(seed + 1);
  auto& objects = c.uses.objects;
  const auto count = static_cast<uint32_t>(c.units.size());
  const auto micro_batches = 1 + std::ranges::max(c.uses.uses, {}, &Use::micro_batch).micro_batch;
  std::vector<bool> chosen(count);
  for (uint32_t u = 0; u < count; ++u) chosen[u] = u == 0 || random() % 2 == 0;
  for (uint32_t u = 0; u < count; ++u) {
    if (!chosen[u]) continue;
    objects[u].home = Home::arena;
    objects[u].stored = 0;
    if (micro_batches == 1) objects[2UL * count + u].home = Home::arena;
    objects.push_back(
        {.kind = Object::Kind::states, .unit = u, .home = Home::arena, .run = 1 + random() % 9000});
  }
  const auto numbers = static_cast<uint32_t>(objects.size());
  objects.push_back({.kind = Object::Kind::numbers, .home = Home::arena, .run = 64});
  std::vector<Use> others, moved{{.kind = Use::Kind::norm, .weights = numbers}};
  for (auto use : c.uses.uses) {
    use.on_device = chosen[use.unit] && use.kind != Use::Kind::run;
    if (use.on_device) use.staging = no_object;
    (use.on_device && use.kind == Use::Kind::update ? moved : others).push_back(use);
  }
  auto last = others.end();  // behind the last rerun
  while (std::prev(last)->kind == Use::Kind::update) --last;
  others.insert(last, moved.begin(), moved.end());
  c.uses.uses = std::move(others);
  c.budget += least_arena(c.uses, {});
}

// Keeps some units in the arena in their stored form, which nobody trains then; returns how many.
int pack(StepCase& c, uint32_t seed) {
  std::mt19937 random(seed + 2);
  int packed = 0;
  for (uint32_t u = 0; u < c.units.size(); ++u) {
    auto& object = c.uses.objects[u];
    if (object.home == Home::arena || random() % 2 == 0) continue;
    object.home = Home::packed;
    object.stored = c.units[u].stored_bytes;
    std::erase_if(c.uses.uses,
                  [u](const Use& use) { return use.kind == Use::Kind::update && use.unit == u; });
    for (auto& use : c.uses.uses)
      if (use.unit == u) use.gradient = use.staging = no_object;
    ++packed;
  }
  c.budget = std::max(c.budget, least_arena(c.uses, {}) + seed % 4 * 50'000);
  return packed;
}

// Carries actions out one lane after the other, each lane as far ahead as its waits allow, in a
// random order of lanes, and checks that nobody touches what another one still needs.
class Machine : public Backend {
 public:
  Machine(const Plan& plan, uint32_t seed)
      : plan_(plan), random_(seed), version_(plan.objects.size(), 0),
        home_(plan.objects.size(), 0) {
    for (uint32_t o = 0; o < plan.objects.size(); ++o) {
      const auto& object = plan.objects[o];
      if (object.kind == Object::Kind::numbers) numbers_ = o;
      if (object.home == Home::packed) write(plan.homes[o], object.stored, o, 0);
      if (object.home != Home::arena) continue;
      const bool lasts =
          object.kind == Object::Kind::weights || object.kind == Object::Kind::states;
      if (lasts) write(plan.homes[o], object.run, o, 0);
    }
  }

  void wait(Lane lane, const Event& event) override {
    queues_[static_cast<std::size_t>(lane)].push_back([this, event] {
      return happened_[{event.object, event.stage}] >= event.occurrence;
    });
  }
  void enqueue(const Action& action, const Slot& slot) override {
    queues_[static_cast<std::size_t>(action.lane)].push_back([this, action, slot] {
      carry_out(action, slot);
      return true;
    });
  }
  void record(Lane lane, const Event& event) override {
    queues_[static_cast<std::size_t>(lane)].push_back([this, event] {
      happened_[{event.object, event.stage}] = event.occurrence;
      return true;
    });
  }
  void finish() override {
    std::vector<std::size_t> order(lanes);
    for (std::size_t i = 0; i < lanes; ++i) order[i] = i;
    for (bool moved = true; moved;) {
      moved = false;
      std::ranges::shuffle(order, random_);
      for (const auto lane : order) {
        auto& queue = queues_[lane];
        for (auto n = random_() % 6 + 1; n-- > 0 && !queue.empty() && queue.front()();) {
          queue.erase(queue.begin());
          moved = true;
        }
      }
    }
    for (const auto& queue : queues_) REQUIRE(queue.empty());
  }

  int updates = 0;

 private:
  // Bytes of the arena and what is written there: an object and its version.
  struct Held {
    uint64_t from, to;
    uint32_t object;
    uint64_t version;
  };

  void write(uint64_t at, uint64_t bytes, uint32_t object, uint64_t version) {
    std::erase_if(held_, [&](const Held& h) { return h.from < at + bytes && at < h.to; });
    held_.push_back({at, at + bytes, object, version});
  }
  void expect(uint64_t at, uint32_t object, uint64_t version) const {
    REQUIRE(std::ranges::any_of(held_, [&](const Held& h) {
      return h.from == at && h.object == object && h.version == version;
    }));
  }

  // The host memory that the use's gradient arrives in.
  static uint32_t staging_of(const Use& use) {
    return use.staging == no_object ? use.gradient + 1000 : use.staging;
  }

  void carry_out(const Action& action, const Slot& slot) {
    const auto o = action.object;
    const auto& use = plan_.uses[action.use];
    switch (action.kind) {
      case Kind::fetch: {
        const auto& object = plan_.objects[o];
        if (object.kind == Object::Kind::input) return write(slot.input, object.run, o, home_[o]);
        if (object.stored > 0) return write(slot.stored, object.stored, o, home_[o]);
        return write(slot.run, object.run, o, home_[o]);
      }
      case Kind::expand:
        expect(slot.stored, o, version_[o]);
        return write(slot.run, plan_.objects[o].run, o, version_[o]);
      case Kind::run:
        expect(slot.run, o, version_[o]);
        version_[use.input] = ++counter_;
        return write(slot.input, plan_.objects[use.input].run, use.input, version_[use.input]);
      case Kind::rerun:
        expect(slot.run, o, version_[o]);
        expect(slot.input, use.input, version_[use.input]);
        if (use.gradient == no_object) return;
        version_[use.gradient] = made_[action.use] = ++counter_;
        return write(slot.gradient, plan_.objects[use.gradient].run, use.gradient,
                     version_[use.gradient]);
      case Kind::store:
        if (plan_.objects[o].kind == Object::Kind::input) {
          expect(slot.input, o, version_[o]);
          home_[o] = version_[o];
          return;
        }
        expect(slot.gradient, o, made_[action.use]);
        stagings_[staging_of(use)] = made_[action.use];
        return;
      case Kind::reduce:
        if (use.on_device) {
          REQUIRE(action.lane == Lane::compute);
          expect(slot.gradient, o, made_[action.use]);
          reduced_[o] = made_[action.use];
          return;
        }
        REQUIRE(stagings_[staging_of(use)] == made_[action.use]);  // nobody stored over it
        reduced_[o] = made_[action.use];
        return;
      case Kind::update:
        if (use.kind == Use::Kind::norm) {
          for (const auto& [gradient, version] : reduced_) REQUIRE(version == version_[gradient]);
          home_[o] = version_[o] = ++counter_;
          return;
        }
        REQUIRE(reduced_[use.gradient] == version_[use.gradient]);
        home_[o] = version_[o] = ++counter_;
        ++updates;
        if (use.on_device) {
          expect(plan_.homes[numbers_], numbers_, version_[numbers_]);
          for (uint32_t s = 0; s < plan_.objects.size(); ++s)
            if (plan_.objects[s].kind == Object::Kind::states &&
                plan_.objects[s].unit == action.unit)
              expect(plan_.homes[s], s, 0);  // no slot took its place
          write(plan_.homes[o], plan_.objects[o].run, o, version_[o]);
        }
        return;
      case Kind::gather:
      case Kind::scatter:
      case Kind::release:
        return;
    }
  }

  const Plan& plan_;
  std::mt19937 random_;
  std::array<std::vector<std::function<bool()>>, lanes> queues_;
  std::map<std::pair<uint32_t, Stage>, uint64_t> happened_;
  std::vector<Held> held_;
  std::vector<uint64_t> version_, home_;  // by object: the newest, and the one in host memory
  std::map<uint32_t, uint64_t> stagings_, reduced_, made_;  // versions; made_ is by use
  uint64_t counter_ = 0;
  uint32_t numbers_ = no_object;
};

}  // namespace

TEST_CASE("whatever the speed of its lanes, a step uses the newest weights, inputs and gradients",
          "[zero][uses]") {
  const bool early = GENERATE(false, true), on_device = GENERATE(false, true),
             packed = GENERATE(false, true);
  for (uint32_t seed = 0; seed < 400; ++seed) {
    auto c = random_step(seed, early);
    if (on_device) move_states(c, seed);
    const int frozen = packed ? pack(c, seed) : 0;
    const auto plan = plan_uses(c.uses, c.units, {}, c.budget, Mode::step);
    REQUIRE(plan.arena <= c.budget);
    Machine machine(plan, seed);
    CAPTURE(seed, early, on_device, packed);
    Executor executor(plan, machine);
    for (int step = 0; step < 4; ++step) {
      executor.pass();
      // Steps are issued while earlier ones are under way, or one by one, or begun anew.
      if (seed % 3 == 1) executor.finish();
      if (seed % 3 == 2 && step % 2 == 1) executor.restart();
    }
    executor.finish();
    REQUIRE(machine.updates == 4 * (static_cast<int>(c.units.size()) - frozen));
    for (const auto& action : plan.pass)
      if (action.kind == Kind::fetch) REQUIRE(plan.objects[action.object].home != Home::packed);
  }
}

TEST_CASE("a step's fetches move each object's bytes as often as the plan says", "[zero][uses]") {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const auto c = random_step(seed);
    const auto plan = plan_uses(c.uses, c.units, {}, c.budget, Mode::step);
    uint64_t moved = 0;
    for (const auto& action : plan.pass) {
      if (action.kind != Kind::fetch) continue;
      const auto& object = plan.objects[action.object];
      moved += object.stored > 0 ? object.stored : object.run;
    }
    REQUIRE(moved == plan.moved);
  }
}

TEST_CASE("updates overlap the next forward, whose fetches wait for them one by one",
          "[zero][uses]") {
  // Two units, a rate of one byte a second everywhere, updates of 7 bytes a byte: the forward of a
  // step waits for the first update alone.
  StepCase c;
  for (uint32_t u = 0; u < 2; ++u) {
    Unit unit;
    unit.run_bytes = unit.stored_bytes = 4096;
    c.units.push_back(unit);
    c.placement.push_back({.tier = 0});
  }
  for (uint32_t u = 0; u < 2; ++u) c.uses.objects.push_back({.unit = u, .run = 4096});
  for (uint32_t u = 0; u < 2; ++u)
    c.uses.objects.push_back({.kind = Object::Kind::gradient, .unit = u, .run = 4096});
  for (uint32_t u = 0; u < 2; ++u) c.uses.uses.push_back({.unit = u, .weights = u});
  for (uint32_t u = 2; u-- > 0;)
    c.uses.uses.push_back({.kind = Use::Kind::rerun, .unit = u, .weights = u, .gradient = 2 + u});
  for (uint32_t u = 0; u < 2; ++u)
    c.uses.uses.push_back({.kind = Use::Kind::update, .unit = u, .weights = u, .gradient = 2 + u});
  const auto plan = plan_uses(c.uses, c.units, {}, 100'000, Mode::step);
  Rates rates{.disk = 4096,
              .link = 4096,
              .network = 4096,
              .expand = 4096,
              .back = 4096,
              .memory = 4096,
              .update = 7,
              .run = {1, 1}};
  const auto timeline = simulate(plan, c.units, c.placement, rates, 2);
  double first_update = 0, second_update = 0, next_run = 0;
  int runs = 0;
  for (const auto& span : timeline.spans) {
    if (span.kind == Kind::update && span.unit == 0 && first_update == 0) first_update = span.end;
    if (span.kind == Kind::update && span.unit == 1 && second_update == 0) second_update = span.end;
    if (span.kind == Kind::run && span.unit == 0 && ++runs == 2) next_run = span.begin;
  }
  CHECK(next_run == Approx(first_update + 1));  // and its fetch
  CHECK(next_run < second_update);
}

TEST_CASE("an arena one byte short of the least of a step is refused", "[zero][uses]") {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const auto c = random_step(seed);
    const auto least = least_arena(c.uses, {});
    REQUIRE_NOTHROW(plan_uses(c.uses, c.units, {}, least, Mode::step));
    REQUIRE_THROWS_AS(plan_uses(c.uses, c.units, {}, least - 1, Mode::step), Error);
  }
}
