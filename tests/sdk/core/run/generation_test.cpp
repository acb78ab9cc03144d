#include "core/run/generation.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/sdk/core/run/made_session.hpp"

using namespace strata;
using namespace strata::run;

namespace {

using Ids = std::vector<int32_t>;

// A batch as the model got it.
struct Got {
  Ids ids;
  std::vector<std::array<int64_t, 4>> sequences;  // slot, first, count, length
  std::vector<uint32_t> wanted;
  bool operator==(const Got&) const = default;
};

// A model that finds the next number, modulo 5, one e-fold likelier than every other token. Its
// passes hold at most three tokens.
struct Counting {
  made::Opener opener;
  made::MadeModel model{2};
  made::Seen seen;
  std::vector<Got> passes;
  std::unique_ptr<Session> session;
  float likelier = 1;

  explicit Counting(uint32_t sequences = 1) {
    auto wish = made::wish_of(made::Offload::memory, {});
    wish.sequences = sequences;
    seen.score = [this](const Batch& batch, std::span<float> logits) {
      note(batch);
      const auto vocabulary = logits.size() / std::max<std::size_t>(batch.wanted.size(), 1);
      for (std::size_t i = 0; i < batch.wanted.size(); ++i)
        logits[i * vocabulary + static_cast<std::size_t>(next(batch.ids[batch.wanted[i]]))] =
            likelier;
    };
    session = made::open_session(opener, model, seen, wish);
    REQUIRE(session->prepared().chunk == 3);
    REQUIRE(session->vocabulary() > 5);
  }

  static int32_t next(int32_t id) { return (id + 1) % 5; }
  double others() const { return static_cast<double>(session->vocabulary()) - 1; }

  void note(const Batch& batch) {
    Got got{{batch.ids.begin(), batch.ids.end()}, {}, {batch.wanted.begin(), batch.wanted.end()}};
    for (const auto& s : batch.sequences)
      got.sequences.push_back({s.slot, s.first, s.count, s.length});
    passes.push_back(std::move(got));
  }
};

}  // namespace

TEST_CASE("each sequence goes on with its likeliest tokens, alone or beside others",
          "[run][generation]") {
  const std::vector<Ids> prompts{{0, 1}, {3}, {2, 2, 2, 4}},
      expected{{2, 3, 4, 0}, {4, 0, 1, 2}, {0, 1, 2, 3}};
  Counting together(3);
  std::vector<Ids> told(3);
  const auto all = generate(*together.session, {.prompts = prompts, .new_tokens = 4},
                            [&](std::size_t row, int32_t id, bool last) {
                              told[row].push_back(id);
                              CHECK(last == (told[row].size() == 4));
                            });
  CHECK(all.tokens == expected);
  CHECK(told == expected);
  CHECK(all.finishes == std::vector<Finish>(3, Finish::length));
  CHECK(all.steps == 3);
  CHECK(all.decoded == 9);
  for (std::size_t row = 0; row < prompts.size(); ++row) {
    Counting alone;
    const auto one = generate(*alone.session, {.prompts = {prompts[row]}, .new_tokens = 4});
    CHECK(one.tokens.front() == expected[row]);
  }
}

TEST_CASE("prompts fill passes of the planned length, and only last tokens have logits",
          "[run][generation]") {
  Counting run(3);
  std::vector<std::pair<std::size_t, std::size_t>> progress;
  GenerateRequest request{.prompts = {{0, 1}, {3}, {2, 2, 2, 4}}, .new_tokens = 2};
  request.progress = [&](std::size_t done, std::size_t all) { progress.emplace_back(done, all); };
  generate(*run.session, request);
  const std::vector<Got> expected{
      {{0, 1, 3}, {{0, 0, 2, 2}, {1, 0, 1, 1}}, {1, 2}},
      {{2, 2, 2}, {{2, 0, 3, 4}}, {}},
      {{4}, {{2, 3, 1, 4}}, {0}},
      // The decode step has the first new token of each.
      {{2, 4, 0}, {{0, 2, 1, 3}, {1, 1, 1, 2}, {2, 4, 1, 5}}, {0, 1, 2}},
  };
  CHECK(run.passes == expected);
  CHECK(progress == std::vector<std::pair<std::size_t, std::size_t>>{{3, 7}, {6, 7}, {7, 7}});
  CHECK(run.seen.resets == 1);
  CHECK(run.seen.wrong == 0);
}

TEST_CASE("an end token or a stop ends its sequence alone, which then leaves the passes",
          "[run][generation]") {
  Counting run(3);
  GenerateRequest request{.prompts = {{2}, {0}, {4}}, .new_tokens = 4, .ends = {4}};
  request.stops = [](std::size_t row, int32_t id) { return row == 2 && id == 0; };
  const auto result = generate(*run.session, request);
  CHECK(result.tokens == std::vector<Ids>{{3, 4}, {1, 2, 3, 4}, {0}});
  CHECK(result.finishes == std::vector<Finish>(3, Finish::stop));
  REQUIRE(run.passes.size() == 4);
  CHECK(run.passes[1].ids == Ids{3, 1});
  CHECK(run.passes[2].ids == Ids{2});
  CHECK(result.decoded == 4);
}

TEST_CASE("a canceled run keeps what it made", "[run][generation]") {
  const int allowed = GENERATE(0, 1, 2, 3);
  Counting run;
  int asked = 0;
  GenerateRequest request{.prompts = {{0}}, .new_tokens = 9};
  request.canceled = [&] { return asked++ >= allowed; };
  const auto result = generate(*run.session, request);
  CHECK(result.finishes.front() == Finish::canceled);
  CHECK(run.passes.size() == static_cast<std::size_t>(allowed));
  Ids expected{1, 2, 3};
  expected.resize(static_cast<std::size_t>(allowed));
  CHECK(result.tokens.front() == expected);
}

TEST_CASE("a run that was canceled once stays so", "[run][generation]") {
  const int before = GENERATE(0, 1);  // passes; the prompt has two
  Counting run;
  int asked = 0;
  GenerateRequest request{.prompts = {{0, 1, 2, 3}}, .new_tokens = 9};
  request.canceled = [&] { return asked++ == before; };
  const auto result = generate(*run.session, request);
  CHECK(result.finishes.front() == Finish::canceled);
  CHECK(run.passes.size() == static_cast<std::size_t>(before));
  CHECK(result.tokens.front().empty());
  CHECK(asked == before + 1);
}

TEST_CASE("the reused part of a prompt is neither forgotten nor computed again",
          "[run][generation]") {
  Counting run(2);
  GenerateRequest request{.prompts = {{0, 1, 2, 3}}, .new_tokens = 1};
  request.reused = 3;
  CHECK(generate(*run.session, request).tokens.front() == Ids{4});
  CHECK(run.passes == std::vector<Got>{{{3}, {{0, 3, 1, 4}}, {0}}});
  CHECK(run.seen.resets == 0);
  request.reused = 4;
  CHECK_THROWS_WITH(generate(*run.session, request), Catch::Contains("more than a part"));
  request.reused = 1;
  request.prompts.push_back({0, 1});
  CHECK_THROWS_WITH(generate(*run.session, request), Catch::Contains("more than a part"));
}

TEST_CASE("no new tokens need no pass, and an empty prompt is refused by its number",
          "[run][generation]") {
  Counting run(2);
  const auto none = generate(*run.session, {.prompts = {{0}}, .new_tokens = 0});
  CHECK(none.tokens == std::vector<Ids>{{}});
  CHECK(run.passes.empty());
  CHECK_THROWS_WITH(generate(*run.session, {.prompts = {{0}, {}}}),
                    Catch::StartsWith("prompt 1: it has no tokens"));
}

TEST_CASE("logits that no token can be chosen from are an error of the model",
          "[run][generation]") {
  Counting run;
  run.likelier =
      GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity());
  CHECK_THROWS_WITH(
      generate(*run.session, {.prompts = {{0}}}),
      Catch::StartsWith(std::isnan(run.likelier) ? "logits: the model computes NaN"
                                                 : "logits: the model computes infinite numbers"));
}

TEST_CASE("each new token has the log probability that the model gave it", "[run][generation]") {
  Counting run;
  GenerateRequest request{.prompts = {{0}}, .new_tokens = 3};
  request.logprobs = 2;
  const auto result = generate(*run.session, request);
  REQUIRE(result.logprobs.front().size() == 3);
  for (const auto& one : result.logprobs.front()) {
    CHECK(one.logprob == Approx(1 - std::log(run.others() + std::exp(1))));
    CHECK(one.top.size() == 2);
  }
  CHECK(result.logprobs.front()[1].top[0].id == 2);
}

TEST_CASE("the logits of a text come in its order, in passes of the planned length",
          "[run][generation]") {
  Counting run;
  const Ids ids{3, 1, 4, 1, 0, 2, 2};
  const auto vocabulary = static_cast<std::size_t>(run.session->vocabulary());
  std::vector<float> all;
  all_logits(*run.session, ids,
             [&](std::span<const float> rows) { all.insert(all.end(), rows.begin(), rows.end()); });
  REQUIRE(all.size() == ids.size() * vocabulary);
  for (std::size_t row = 0; row < ids.size(); ++row)
    CHECK(all[row * vocabulary + static_cast<std::size_t>(Counting::next(ids[row]))] == 1);
  REQUIRE(run.passes.size() == 3);
  CHECK(run.passes[1] == Got{{1, 0, 2}, {{0, 3, 3, 7}}, {0, 1, 2}});
  CHECK(run.seen.resets == 1);
}

TEST_CASE("perplexity is the mean surprise over the tokens of separate windows",
          "[run][generation]") {
  Counting run;
  const double right = std::log(run.others() + std::exp(1)) - 1, wrong = right + 1;
  struct Case {
    Ids ids;
    int64_t context, tokens;
    double nll;
  };
  const auto c = GENERATE_COPY(values<Case>({
      {{0, 1, 2, 3, 4, 0}, 100, 5, right},
      {{0, 0, 0}, 100, 2, wrong},
      {{0, 1, 2, 2, 2}, 100, 4, (2 * right + 2 * wrong) / 4},
      // Windows of four, four and two tokens; the first of each is not scored.
      {{0, 1, 2, 3, 0, 1, 2, 3, 0, 0}, 4, 7, (6 * right + wrong) / 7},
      {{0, 1, 2, 3, 0}, 4, 3, right},  // a last window of one token is dropped
  }));
  int64_t last = 0;
  const auto out = perplexity(*run.session, c.ids, c.context, [&](int64_t done, int64_t all) {
    CHECK(done > last);
    CHECK(all == static_cast<int64_t>(c.ids.size()));
    last = done;
  });
  CHECK(out.tokens == c.tokens);
  CHECK(out.nll == Approx(c.nll));
  CHECK_THROWS_WITH(perplexity(*run.session, Ids{1}, 4), Catch::Contains("fewer than 2 tokens"));
}
