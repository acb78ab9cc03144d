// Generation of tokens from prompts: prefill in chunks, then one token of each sequence in a pass.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/run/logprobs.hpp"
#include "core/run/sampler.hpp"
#include "core/run/session.hpp"

namespace strata::run {

struct GenerateRequest {
  std::vector<std::vector<int32_t>> prompts;  // ids; none empty
  int64_t new_tokens = 16;                    // of each, at most
  Sampling sampling{};
  std::vector<int32_t> ends{};  // a token of these ends its sequence
  // Called for each new token; true: its sequence ends with it.
  std::function<bool(std::size_t row, int32_t id)> stops{};
  std::size_t logprobs = 0;  // likeliest tokens to name for each new one; 0: no logprobs
  // Called before each pass until it returns true: generation then stops.
  std::function<bool()> canceled{};
  // Called with the number of prompt tokens that the model has processed, and the number of all.
  std::function<void(std::size_t done, std::size_t all)> progress{};
  // The number of first tokens of the only prompt whose KV cache the session still has from the
  // request before; fewer than the prompt has. 0: the session forgets all keys and values first.
  std::size_t reused = 0;
  // The number of the first prompt among those of all ranks, which the draws depend on.
  std::size_t first_row = 0;
};

// The reason that a sequence ends: an end token or a stop text, new_tokens, or `canceled`.
enum class Finish { stop, length, canceled };

struct GenerateResult {
  std::vector<std::vector<int32_t>> tokens;  // new ones, with the one that ended the sequence
  std::vector<Finish> finishes;
  std::vector<std::vector<TokenLogprobs>> logprobs;  // of them, where the request wants them
  double first_token_s = 0;                          // until every sequence has its first one
  double decode_s = 0;                               // after that
  int64_t decoded = 0;                               // tokens made in decode_s
  int64_t steps = 0;                                 // passes of decode_s
  Moved prefill, decode;                             // bytes moved in either
};

// Called with each new token as it is made; `last`: the sequence ends with it.
using OnToken = std::function<void(std::size_t row, int32_t id, bool last)>;

// The session must have room for the prompts: sequences, tokens of the longest with its new ones.
// On several ranks all call it, a rank without prompts too, and it returns when all are done.
GenerateResult generate(Session& session, const GenerateRequest& request,
                        const OnToken& on_token = {});

// The logits of one sequence, in the order of its tokens, in spans of rows [n, V]. On several ranks
// the others call Session::follow meanwhile.
void all_logits(Session& session, std::span<const int32_t> ids,
                const std::function<void(std::span<const float>)>& take);

struct Perplexity {
  double nll = 0;      // mean over the scored tokens
  int64_t tokens = 0;  // scored
};

// Windows of `context` tokens that do not overlap; the first token of each is not scored, a last
// window of fewer than 2 tokens is dropped.
Perplexity perplexity(Session& session, std::span<const int32_t> ids, int64_t context,
                      const std::function<void(int64_t done, int64_t all)>& progress = {});

// One rank's share of work that is dealt to all of them in turn.
struct Share {
  uint32_t rank = 0, ranks = 1;
};

// The parts of that result, which several ranks make together: for each of this rank's windows the
// sum of -log p over its scored tokens. All ranks call it. perplexity_of takes the sums of all
// windows in the order of the text, and the text's number of tokens.
std::vector<double> surprises(Session& session, std::span<const int32_t> ids, int64_t context,
                              Share share,
                              const std::function<void(int64_t done, int64_t all)>& progress = {});
Perplexity perplexity_of(std::span<const double> windows, std::size_t ids, int64_t context);

}  // namespace strata::run
