// Attention by the fused kernels of the host's tensor library, sequence by sequence.
#include <algorithm>
#include <strata/attention.hpp>
#include <thread>

namespace {

using strata::attention::Steps, strata::attention::Value;

struct Sdpa {
  strata_attention_request request;
  std::string attributes;

  static std::int32_t score(const strata_attention_request& r) {
    const bool plain = r.kv_codec.n == 0 && r.sinks == 0 && r.soft_cap == 0;
    return plain && !(r.need & STRATA_NEED_GRAPH) ? 50 : 0;
  }

  explicit Sdpa(const strata_attention_request& r)
      : request(r), attributes(strata::attention::visibility(r)) {
    // The attributes become one JSON object: the mask, the scale and the dropout.
    for (const auto& more : {strata::attention::number("scale", r.scale),
                             strata::attention::number("dropout", r.dropout)}) {
      attributes.back() = ',';
      attributes += more.substr(1);
    }
  }

  // Workspace in bytes: the kernel's result, twice for several sequences; its scratch, a block of
  // scores of at most 512 keys for each thread of a CPU; masks if a call is no plain prefill or
  // decode, once as booleans and once as numbers; for ALiBi one mask for each head, made in two
  // steps and aligned.
  std::uint64_t holds(const strata::attention::Bounds& b) const {
    const std::uint64_t element = strata::attention::bytes_of(request.dtype),
                        wide = element > 4 ? element : 4,
                        threads = std::thread::hardware_concurrency(), queries = b.max_query(),
                        rows = queries < 32    ? queries
                               : queries < 192 ? 32
                               : queries < 768 ? 64
                                               : 256,
                        keys = std::min<std::uint64_t>(512, b.max_keys),
                        result = b.tokens * request.heads * request.dim_v * element;
    const auto work = threads * rows * (keys * (wide + element) + request.dim_v * wide);
    const bool alibi = request.mask & STRATA_MASK_ALIBI;
    // In training no key is of an earlier pass, so that every sequence is a plain prefill.
    const bool trains = (request.need & STRATA_NEED_BACKWARD) != 0;
    const bool masked =
        request.window != 0 || (!trains && (b.max_keys > b.tokens || b.sequences > 1));
    const auto masks = b.tokens * b.max_keys *
                       (alibi    ? request.heads * (4 + wide + element)
                        : masked ? 4 + wide
                                 : 0);
    const auto least = (b.sequences > 1 ? 2 : 1) * result + masks + widened(b) * element + split(b);
    if (!trains) return least + work;
    // Dropout is drawn for probabilities, which are kept: as they are, as they stay, and which do.
    const auto drawn =
        request.dropout > 0 ? b.tokens * b.max_keys * request.heads * (2 * element + wide + 1) : 0;
    return least + drawn + backward(b, element) + (request.device.type == STRATA_CUDA ? 0 : work);
  }

  // Bytes of one sequence's backward: the gradient of its queries in float32, and those of keys and
  // values for every head of queries.
  std::uint64_t backward(const strata::attention::Bounds& b, std::uint64_t element) const {
    const std::uint64_t rows = std::min(b.max_query(), b.max_keys) * request.heads;
    return rows * (request.dim_qk * (4 + element) + request.dim_v * element);
  }

  // Bytes of the kernel's split of keys on a GPU (split-K). If few queries would leave the GPU
  // idle, their keys are divided into parts of 128 or more, until its processors (160 at most) have
  // several blocks each. Each part has a float32 result and a sum.
  std::uint64_t split(const strata::attention::Bounds& b) const {
    const std::uint64_t queries = b.max_query(), blocks = request.heads * ((queries + 63) / 64);
    constexpr std::uint64_t processors = 160, most_parts = 128;
    if (request.device.type != STRATA_CUDA || blocks >= 2 * processors) return 0;
    const auto parts = std::min({most_parts, (b.max_keys + 127) / 128, 8 * processors / blocks});
    return parts * request.heads * queries * (request.dim_v + 1) * sizeof(float);
  }

  // Elements of padded copies, needed if values are not as wide as keys: the values, or the keys
  // and queries, padded with zeros, and the result before the padding is cut off.
  std::uint64_t widened(const strata::attention::Bounds& b) const {
    if (request.dim_qk == request.dim_v) return 0;
    const std::uint64_t wide = std::max(request.dim_qk, request.dim_v),
                        rows = b.max_query() * request.heads;
    return (b.max_keys * request.kv_heads + 2 * rows) * wide;
  }

  Value run(const Steps& s) const { return s.fused(attributes); }
};

}  // namespace

STRATA_ATTENTION_PLUGIN(Sdpa, "sdpa", "1.0.0");
