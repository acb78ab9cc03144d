// Training over several ranks, which are threads: all of them together are one rank with all of
// their micro-batches.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <optional>
#include <thread>

#include "core/device/cpu_device.hpp"
#include "core/error.hpp"
#include "core/train/training.hpp"
#include "tests/sdk/core/run/checking_compute.hpp"
#include "tests/sdk/core/run/meeting.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/train/least_memory.hpp"
#include "tests/sdk/core/train/numbered_trainer.hpp"

using namespace strata;
using namespace strata::train;

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint32_t seeds = 12;
#else
constexpr uint32_t seeds = 48;
#endif
constexpr uint32_t of_each = 2;  // micro-batches of a rank in a step
constexpr uint32_t longest = 5;
constexpr std::array arrays{AdamState::master, AdamState::moment1, AdamState::moment2};
using Arrays = std::array<std::vector<float>, arrays.size()>;

// The micro-batches in each step, of all ranks together: the last steps of an epoch lack some.
std::vector<uint32_t> steps_of(uint32_t ranks) {
  return {of_each * ranks, ranks + 1, 1, ranks - 1, of_each * ranks};
}

// The tokens of one micro-batch.
struct Tokens {
  std::vector<int32_t> ids;
  run::Sequence sequence{};
  std::array<uint64_t, 1> rows{};
  std::vector<int64_t> targets;
  std::vector<float> weights;

  // Without ids: the step lacks it.
  Tokens() = default;
  Tokens(uint32_t step, uint32_t number) : rows{number} {
    const auto count = 1 + (step + number) % (longest - 1);
    for (uint32_t t = 0; t < count; ++t)
      ids.push_back(static_cast<int32_t>((step * 3 + number * 2 + t) % 5));
    sequence = {0, 0, count, count};
    targets.assign(count, 1);
    targets.back() = -1;
    weights.assign(count, 1);
    weights.back() = 0;
  }
  MicroBatch borrowed() const {
    if (ids.empty()) return {};
    return {ids, {&sequence, 1}, rows, targets, weights};
  }
};

TrainingRequest request_of(const run::Model& model, uint32_t seed, uint32_t rank, uint32_t ranks,
                           bool group_of_one) {
  TrainingRequest request;
  if (seed % 2) request.dtype = {STRATA_BFLOAT, 16, 1};
  if (seed % 4 > 1) request.reduce = {STRATA_BFLOAT, 16, 1};
  request.tokens = request.longest = longest;
  request.rank = rank;
  request.ranks = ranks;
  request.group_of_one = group_of_one;
  request.micro_batches = ranks > 1 ? of_each : of_each * (2 + seed % 2);
  request.whole_below = seed % 5 == 0 ? 1000 : seed % 5 == 1 ? 100'000 : 0;
  request.inputs_in_tier = seed % 3 == 0;
  request.fill_device = seed % 3 == 1;
  request.keep_graphs = seed % 7 == 0;
  request.early_updates = seed % 8 < 4;
  if (seed % 3 == 1) request.device_memory = made::least_of(model, request) + (seed % 5 << 12);
  return request;
}

// The outcome of one rank, or of one that is alone.
struct Outcome {
  std::vector<StepResult> steps;
  Loss scored;
  std::vector<double> sums{1, 20};
  std::vector<Share> shares;
  std::vector<uint64_t> elements;           // by unit
  std::vector<Arrays> own;                  // by unit: those of its share
  std::vector<std::vector<float>> masters;  // by unit: all
  made::Numbered seen;
  std::string words;  // of the failure that ended it
};

// The values from element `first` of a flat array on, with zeros in its gaps.
std::vector<float> without_gaps(const Flat& flat, uint64_t first, std::span<const float> values) {
  std::vector<float> out(values.size(), 0);
  for (const auto& piece : flat.pieces) {
    const auto from = std::max(first, piece.first);
    const auto to = std::min(first + values.size(), piece.first + piece.count);
    for (auto i = from; i < to; ++i) out[i - first] = values[i - first];
  }
  return out;
}

void train_one(const made::MadeModel& model, uint32_t seed, made::Opener& opener,
               made::Meeting* meeting, uint32_t rank, Outcome& out) try {
  std::optional<made::Member> member;
  if (meeting) member.emplace(*meeting, rank);
  const uint32_t ranks = meeting ? meeting->ranks() : 1, together = 2 + seed % 2;
  made::Seen loading;
  made::NumberedTrainer* trainer = nullptr;
  TrainingParts parts;
  parts.model = &model.model;
  parts.request = request_of(model.model, seed, rank, ranks, meeting && ranks == 1);
  parts.plan = prepare_training(model.model, parts.request);
  parts.optimizer = {.weight_decay = 0.1, .clip = parts.request.early_updates ? 0 : 0.5};
  parts.weights = opener.open<made::MemoryTier>();
  parts.states = opener.open<made::MemoryTier>();
  parts.files = opener.open<made::FileTier>();
  parts.collective = member ? &*member : nullptr;
  parts.open_compute = [&](const run::ComputeOptions&) {
    return std::make_unique<made::CheckingCompute>(model, loading);
  };
  parts.open_device = [](uint32_t events) { return std::make_unique<device::CpuDevice>(events); };
  const auto request = parts.request;
  parts.open_trainer = [&, request](const TrainerOptions&) {
    auto opened = std::make_unique<made::NumberedTrainer>(model.model, request.dtype,
                                                          request.reduce, out.seen);
    trainer = opened.get();
    return opened;
  };
  Training training(std::move(parts));
  for (const auto count : steps_of(together)) {
    const auto step = static_cast<uint32_t>(out.steps.size());
    const auto each = (count + ranks - 1) / ranks;
    std::vector<Tokens> all(each * ranks);
    for (uint32_t n = 0; n < count; ++n) all[n] = Tokens(step, n);
    std::vector<MicroBatch> mine;
    std::vector<std::span<const int32_t>> ids;
    for (uint32_t g = 0; g < each; ++g) mine.push_back(all[g * ranks + rank].borrowed());
    for (const auto& one : all) ids.emplace_back(one.ids);
    trainer->begin_step();
    out.steps.push_back(training.step(mine, {.step = step, .scale = 0.5}, {.rate = 0.01},
                                      ranks > 1 ? std::span<const std::span<const int32_t>>(ids)
                                                : std::span<const std::span<const int32_t>>()));
  }
  training.finish();
  // Validation of as many micro-batches as there are ranks but one.
  for (uint32_t n = 0; n + 1 < together; n += ranks) {
    trainer->begin_step();
    const auto tokens = n + rank + 1 < together ? Tokens(9, n + rank) : Tokens();
    const auto more = training.score(tokens.borrowed(), {.training = false});
    out.scored.tokens += more.tokens;
    out.scored.right += more.right;
  }
  training.sum(out.sums);
  training.finish();
  out.shares = training.plan().shares;
  for (uint32_t u = 0; u < training.plan().units.size(); ++u) {
    out.elements.push_back(training.plan().flats[u].elements);
    out.own.emplace_back();
    out.masters.emplace_back();
    if (out.elements.back() == 0) continue;
    const auto share = ranks > 1 ? out.shares.at(u) : Share{.count = out.elements.back()};
    const auto& flat = training.plan().flats[u];
    for (std::size_t a = 0; a < arrays.size(); ++a) {
      std::vector<float> values(share.count);
      training.host().read(u, arrays[a], share.first, values);
      out.own.back()[a] = without_gaps(flat, share.first, values);
    }
    out.masters.back() = without_gaps(flat, 0, training.whole_masters(u));
  }
  if (loading.wrong > 0) out.words = "other bytes were loaded";
} catch (const std::exception& e) {
  out.words = e.what();
}

std::vector<Outcome> train_all(const made::MadeModel& model, uint32_t seed, uint32_t ranks,
                               bool group_of_one = false) {
  made::Meeting meeting(ranks);
  std::vector<Outcome> out(ranks);
  std::vector<made::Opener> openers(ranks);  // one thread opens plugins
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      const bool group = ranks > 1 || group_of_one;
      train_one(model, seed, openers[rank], group ? &meeting : nullptr, rank, out[rank]);
    });
  for (auto& thread : threads) thread.join();
  return out;
}

// The first element that differs, or the size; weights of random bytes may be no numbers.
std::size_t differs(std::span<const float> got, std::span<const float> want) {
  const auto same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  const auto [at, other] = std::mismatch(got.begin(), got.end(), want.begin(), want.end(), same);
  return static_cast<std::size_t>(at - got.begin()) +
         (at == got.end() && other != want.end() ? 1 : 0);
}

void check_shares(const std::vector<Outcome>& all, uint32_t unit) {
  const auto elements = all[0].elements[unit];
  uint64_t at = 0;
  for (const auto& one : all) {
    const auto& share = one.shares.at(unit);
    REQUIRE(share.whole == all[0].shares[unit].whole);
    if (share.whole) {
      REQUIRE((share.first == 0 && share.count == elements));
      continue;
    }
    if (share.count > 0) REQUIRE(share.first == at);
    REQUIRE(share.count == std::min(share.each, elements - at));
    at += share.count;
  }
  if (!all[0].shares[unit].whole) REQUIRE(at == elements);
}

}  // namespace

TEST_CASE("ranks have the weights and moments of one rank with all of their micro-batches",
          "[train][ranks]") {
  uint32_t cut = 0, whole = 0;
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    const uint32_t ranks = 2 + seed % 2;
    const made::MadeModel model(seed);
    const auto one = train_all(model, seed, 1).front();
    const auto all = train_all(model, seed, ranks);
    INFO("seed " << seed << ", " << ranks << " ranks; one rank: " << one.words);
    REQUIRE(one.words.empty());
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      INFO("rank " << rank << " " << all[rank].words);
      REQUIRE(all[rank].words.empty());
    }
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      const auto& got = all[rank];
      INFO("rank " << rank);
      REQUIRE(got.steps.size() == one.steps.size());
      for (std::size_t s = 0; s < one.steps.size(); ++s) {
        INFO("step " << s);
        CHECK(got.steps[s].loss.tokens == one.steps[s].loss.tokens);
        CHECK(got.steps[s].loss.routers == one.steps[s].loss.routers);
        CHECK(got.steps[s].loss.right == one.steps[s].loss.right);
        CHECK(got.steps[s].gradient_norm == Approx(one.steps[s].gradient_norm).epsilon(1e-12));
        CHECK((got.steps[s].finite && one.steps[s].finite));
      }
      CHECK(got.scored.tokens == one.scored.tokens);
      CHECK(got.scored.right == one.scored.right);
      CHECK(got.sums == std::vector<double>{1.0 * ranks, 20.0 * ranks});
      CHECK(got.seen.changed == 0);
      REQUIRE(got.elements == one.elements);
      for (uint32_t u = 0; u < got.elements.size(); ++u) {
        if (got.elements[u] == 0) continue;
        INFO("unit " << u << " of " << got.elements[u] << " elements");
        check_shares(all, u);
        const auto& share = got.shares[u];
        ++(share.whole ? whole : cut);
        for (std::size_t a = 0; a < arrays.size(); ++a) {
          INFO("array " << a);
          const auto want = std::span(one.own[u][a]).subspan(share.first, share.count);
          CHECK(differs(got.own[u][a], want) == share.count);
        }
        CHECK(differs(got.masters[u], one.own[u][0]) == got.elements[u]);
      }
    }
  }
  CHECK(cut > 0);
  CHECK(whole > 0);
}

TEST_CASE("a group of one has the bits of a run without a group", "[train][ranks]") {
  uint32_t cut = 0;
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    const made::MadeModel model(seed);
    const auto want = train_all(model, seed, 1).front(),
               got = train_all(model, seed, 1, true).front();
    INFO("seed " << seed << " " << want.words << got.words);
    REQUIRE((want.words.empty() && got.words.empty()));
    for (std::size_t s = 0; s < want.steps.size(); ++s) {
      INFO("step " << s);
      CHECK(got.steps[s].loss.tokens == want.steps[s].loss.tokens);
      CHECK(got.steps[s].gradient_norm == want.steps[s].gradient_norm);
    }
    CHECK(got.scored.tokens == want.scored.tokens);
    for (std::size_t u = 0; u < want.own.size(); ++u) {
      INFO("unit " << u);
      if (want.elements[u] > 0) cut += got.shares[u].whole ? 0 : 1;
      for (std::size_t a = 0; a < arrays.size(); ++a)
        CHECK(differs(got.own[u][a], want.own[u][a]) == want.own[u][a].size());
      CHECK(differs(got.masters[u], want.masters[u]) == want.masters[u].size());
    }
  }
  CHECK(cut > 0);
}

TEST_CASE("each rank runs units with the weights that one rank has", "[train][ranks]") {
  uint64_t experts = 0;
  for (uint32_t seed = 0; seed < seeds / 2; ++seed) {
    const uint32_t ranks = 2 + seed % 2;
    const made::MadeModel model(seed);
    const auto one = train_all(model, seed, 1).front();
    for (const auto& got : train_all(model, seed, ranks)) {
      INFO("seed " << seed << ", " << ranks << " ranks, "
                   << (model.model.tied() ? "tied " : "not tied ") << one.words << got.words);
      REQUIRE((one.words.empty() && got.words.empty()));
      experts += got.seen.experts;
      const auto steps = steps_of(ranks).size();  // the uses behind them are of validation
      for (std::size_t s = 0; s < steps; ++s)
        for (const auto& [unit, weights] : got.seen.steps[s]) {
          INFO("step " << s << ", " << unit);
          REQUIRE(one.seen.steps[s].contains(unit));
          CHECK(differs(weights, one.seen.steps[s].at(unit)) == weights.size());
        }
    }
  }
  CHECK(experts > 0);
}

TEST_CASE("ranks have the same bits in every run", "[train][ranks]") {
  for (uint32_t seed = 0; seed < seeds / 6; ++seed) {
    const made::MadeModel model(seed);
    const auto first = train_all(model, seed, 3), second = train_all(model, seed, 3);
    for (uint32_t rank = 0; rank < 3; ++rank) {
      INFO("seed " << seed << ", rank " << rank << " " << first[rank].words);
      REQUIRE((first[rank].words.empty() && second[rank].words.empty()));
      for (std::size_t u = 0; u < first[rank].own.size(); ++u)
        for (std::size_t a = 0; a < arrays.size(); ++a)
          CHECK(differs(first[rank].own[u][a], second[rank].own[u][a]) ==
                first[rank].own[u][a].size());
    }
  }
}
