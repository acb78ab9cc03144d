#include "core/run/generation.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/error.hpp"

namespace strata::run {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The run's settings for the processors that look at the ends and the number of new tokens.
Sampling sampling_of(const GenerateRequest& request) {
  auto out = request.sampling;
  out.ends = request.ends;
  out.new_tokens = request.new_tokens;
  return out;
}

// The batches of a run, built in memory that it keeps from pass to pass.
struct Packing {
  std::vector<int32_t> ids;
  std::vector<Sequence> sequences;
  std::vector<uint32_t> wanted;

  void clear() { ids.clear(), sequences.clear(), wanted.clear(); }
  Batch batch() const { return {ids, sequences, wanted}; }
};

// Checks that a token can be chosen from a row of logits: no NaN, and a finite maximum.
void check_numbers(std::span<const float> row) {
  float largest = -std::numeric_limits<float>::infinity();
  bool nan = false;
  for (const auto logit : row) {
    nan |= logit != logit;
    largest = std::max(largest, logit);
  }
  if (!nan && std::isfinite(largest)) return;
  throw Error("logits", nan ? "the model computes NaN" : "the model computes infinite numbers",
              "check its weights, or compute in float32 with --dtype float32");
}

class Generation {
 public:
  Generation(Session& session, const GenerateRequest& request, const OnToken& on_token)
      : session_(session), request_(request), on_token_(on_token), sampler_(sampling_of(request)),
        all_(request.prompts), live_(all_.size(), true) {
    result_.tokens.resize(all_.size());
    result_.finishes.resize(all_.size(), Finish::length);
    if (request.logprobs > 0) result_.logprobs.resize(all_.size());
  }

  GenerateResult run() {
    if (request_.new_tokens <= 0) return std::move(result_);
    if (request_.reused == 0) session_.reset();
    const auto begin = Clock::now();
    const auto before = session_.moved();
    prefill();
    result_.first_token_s = seconds_since(begin);
    session_.finish();
    const auto between = session_.moved();
    const auto decode = Clock::now();
    while (std::ranges::find(live_, true) != live_.end() && !canceled()) step();
    for (std::size_t row = 0; row < live_.size(); ++row)
      if (live_[row]) result_.finishes[row] = Finish::canceled;
    result_.decode_s = seconds_since(decode);
    while (session_.follow()) ++result_.steps;
    session_.finish();
    const auto after = session_.moved();
    result_.prefill = between - before;
    result_.decode = after - between;
    return std::move(result_);
  }

 private:
  // Stays true once the request has said so, whatever it says later.
  bool canceled() {
    if (!canceled_ && request_.canceled) canceled_ = request_.canceled();
    return canceled_;
  }

  // Runs the prompts one after the other, cut into passes of at most the planned number of tokens.
  void prefill() {
    const auto chunk = static_cast<std::size_t>(session_.prepared().chunk);
    std::vector<std::size_t> rows;
    std::size_t done = request_.reused, all = 0;
    for (const auto& prompt : request_.prompts) all += prompt.size();
    const auto flush = [&] {
      if (!packing_.ids.empty()) take(session_.pass(packing_.batch()), rows);
      done += packing_.ids.size();
      if (request_.progress) request_.progress(done, all);
      packing_.clear();
      rows.clear();
    };
    for (std::size_t row = 0; row < request_.prompts.size(); ++row) {
      const auto& prompt = request_.prompts[row];
      for (std::size_t at = request_.reused; at < prompt.size();) {
        if (packing_.ids.empty() && canceled()) return;
        const auto n = std::min(prompt.size() - at, chunk - packing_.ids.size());
        add(row, std::span(prompt).subspan(at, n), static_cast<int64_t>(at),
            static_cast<int64_t>(prompt.size()));
        at += n;
        if (at == prompt.size()) want(rows, row);
        if (packing_.ids.size() == chunk) flush();
      }
    }
    flush();
  }

  void step() {
    packing_.clear();
    rows_.clear();
    for (std::size_t row = 0; row < all_.size(); ++row) {
      if (!live_[row]) continue;
      const auto length = static_cast<int64_t>(all_[row].size());
      add(row, std::span(all_[row]).last(1), length - 1, length);
      want(rows_, row);
    }
    take(session_.pass(packing_.batch()), rows_);
    result_.decoded += static_cast<int64_t>(rows_.size());
    ++result_.steps;
  }

  void add(std::size_t row, std::span<const int32_t> ids, int64_t first, int64_t length) {
    packing_.ids.insert(packing_.ids.end(), ids.begin(), ids.end());
    packing_.sequences.push_back(
        {static_cast<uint32_t>(row), first, static_cast<uint32_t>(ids.size()), length});
  }

  // The logits of the token that was added last, for this row.
  void want(std::vector<std::size_t>& rows, std::size_t row) {
    packing_.wanted.push_back(static_cast<uint32_t>(packing_.ids.size() - 1));
    rows.push_back(row);
  }

  void take(std::span<const float> logits, const std::vector<std::size_t>& rows) {
    const auto vocabulary = static_cast<std::size_t>(session_.vocabulary());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = rows[i];
      auto& made = result_.tokens[row];
      const auto own = logits.subspan(i * vocabulary, vocabulary);
      check_numbers(own);
      const auto id = sampler_.next(own, all_[row], request_.prompts[row].size(),
                                    request_.first_row + row, made.size());
      if (request_.logprobs > 0)
        result_.logprobs[row].push_back(logprobs(own, id, request_.logprobs));
      made.push_back(id);
      all_[row].push_back(id);
      const bool stopped = request_.stops && request_.stops(row, id);
      const bool ended = stopped || std::ranges::find(request_.ends, id) != request_.ends.end();
      if (ended) result_.finishes[row] = Finish::stop;
      live_[row] = !ended && static_cast<int64_t>(made.size()) < request_.new_tokens;
      if (on_token_) on_token_(row, id, !live_[row]);
    }
  }

  Session& session_;
  const GenerateRequest& request_;
  const OnToken& on_token_;
  Sampler sampler_;
  std::vector<std::vector<int32_t>> all_;  // the prompts and their new tokens
  std::vector<bool> live_;
  bool canceled_ = false;
  Packing packing_;
  std::vector<std::size_t> rows_;
  GenerateResult result_;
};

// -log softmax(row)[target], in double.
double surprise(std::span<const float> row, int32_t target) {
  const double largest = *std::ranges::max_element(row);
  double sum = 0;
  for (const auto logit : row) sum += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(sum) - static_cast<double>(row[static_cast<std::size_t>(target)]);
}

}  // namespace

GenerateResult generate(Session& session, const GenerateRequest& request, const OnToken& on_token) {
  for (std::size_t row = 0; row < request.prompts.size(); ++row)
    if (request.prompts[row].empty())
      throw Error("prompt " + std::to_string(row), "it has no tokens", "give at least one");
  if (request.reused > 0 &&
      (request.prompts.size() != 1 || request.reused >= request.prompts.front().size()))
    throw Error("session", "it reuses more than a part of one prompt", "start anew");
  return Generation(session, request, on_token).run();
}

void all_logits(Session& session, std::span<const int32_t> ids,
                const std::function<void(std::span<const float>)>& take) {
  session.reset();
  const auto chunk = static_cast<std::size_t>(session.prepared().chunk);
  Packing packing;
  for (std::size_t at = 0; at < ids.size();) {
    const auto n = std::min(ids.size() - at, chunk);
    packing.clear();
    packing.ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(at),
                       ids.begin() + static_cast<std::ptrdiff_t>(at + n));
    packing.sequences.push_back(
        {0, static_cast<int64_t>(at), static_cast<uint32_t>(n), static_cast<int64_t>(ids.size())});
    for (uint32_t row = 0; row < n; ++row) packing.wanted.push_back(row);
    const auto rows = session.pass(packing.batch());
    take(rows);
    at += n;
  }
}

std::vector<double> surprises(Session& session, std::span<const int32_t> ids, int64_t context,
                              Share share,
                              const std::function<void(int64_t done, int64_t all)>& progress) {
  const auto vocabulary = static_cast<std::size_t>(session.vocabulary());
  const auto window = static_cast<std::size_t>(context);
  std::vector<double> out;
  for (auto begin = share.rank * window; begin + 2 <= ids.size(); begin += share.ranks * window) {
    const auto part = ids.subspan(begin, std::min(window, ids.size() - begin));
    std::size_t next = 1;  // the token that the next row of logits predicts
    double sum = 0;
    all_logits(session, part, [&](std::span<const float> rows) {
      for (std::size_t at = 0; at < rows.size() && next < part.size(); at += vocabulary, ++next)
        sum += surprise(rows.subspan(at, vocabulary), part[next]);
    });
    out.push_back(sum);
    if (progress)
      progress(static_cast<int64_t>(begin + part.size()), static_cast<int64_t>(ids.size()));
  }
  while (session.follow()) {
  }
  return out;
}

Perplexity perplexity_of(std::span<const double> windows, std::size_t ids, int64_t context) {
  const auto window = static_cast<std::size_t>(context);
  Perplexity out;
  double sum = 0;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    sum += windows[w];
    out.tokens += static_cast<int64_t>(std::min(window, ids - w * window)) - 1;
  }
  if (out.tokens == 0)
    throw Error("perplexity", "the text has fewer than 2 tokens", "give a longer text");
  out.nll = sum / static_cast<double>(out.tokens);
  return out;
}

Perplexity perplexity(Session& session, std::span<const int32_t> ids, int64_t context,
                      const std::function<void(int64_t done, int64_t all)>& progress) {
  return perplexity_of(surprises(session, ids, context, {}, progress), ids.size(), context);
}

}  // namespace strata::run
