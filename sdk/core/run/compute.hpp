// The half that does arithmetic, as the core sees it: libstrata-torch implements it and is opened
// only to compute.
#pragma once
#include <strata/abi/draft/attention.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/plugin/codec.hpp"
#include "core/plugin/family.hpp"
#include "core/zero/unit.hpp"

namespace strata::adapter {
struct Adapter;
}

namespace strata::run {

class InputSquares;

// The tokens of one sequence in a pass.
struct Sequence {
  uint32_t slot = 0;   // of the KV cache
  int64_t first = 0;   // the position of the first token
  uint32_t count = 0;  // the number of tokens
  // The length for rope scalings that depend on it (dynamic, longrope): that of the whole prompt
  // during prefill, in chunks or not; first + count in decode.
  int64_t length = 0;
  // The tokens at the end that are padding: no token sees them as keys, not even they themselves.
  // Not with a cache.
  uint32_t pads = 0;
};

// One pass over packed tokens: the sequences one after the other.
struct Batch {
  std::span<const int32_t> ids;         // [T]
  std::span<const Sequence> sequences;  // in the order of ids
  std::span<const uint32_t> wanted;     // the rows of [0,T) whose logits are wanted, ascending
};

// The size of the KV cache.
struct KvRoom {
  uint32_t sequences = 1;
  int64_t tokens = 0;    // of one sequence, at most
  uint32_t block = 256;  // tokens in a block
};

// The codec for a scheme, which lives as long as the function. Throws where no plugin knows the
// scheme.
using FindCodec = std::function<const plugin::Codec&(const std::string& scheme)>;

struct ComputeOptions {
  const plugin::Family* family = nullptr;
  const strata_host* host = nullptr;
  const strata_attention* attention = nullptr;  // the chosen backend
  std::string attention_name;
  std::shared_ptr<const adapter::Adapter> adapter;  // beside the weights; null: none
  FindCodec codec;
  strata_dtype dtype{STRATA_FLOAT, 32, 1};              // of the run form
  std::vector<strata_device> devices{{STRATA_CPU, 0}};  // where units run; 0 is the main one
  KvRoom kv;
  uint64_t bytes = 0;  // planned for the arithmetic's memory, with freed memory that it keeps
  int threads = 0;     // 0: all cores
  bool fast_products = false;  // those with weights in a codec's form may round x to 8 bits
};

// The experts of mixture-of-experts layers while a pass runs. Compute::run calls it on its thread;
// train::Trainer::rerun may call it on a thread of LibTorch's, for which it waits.
class Experts {
 public:
  virtual ~Experts() = default;
  // The experts that the declared unit has chosen, ascending; each is then taken once, in order.
  // The rerun of a unit needs them twice: for its output, then for its backward.
  virtual void need(uint32_t declared, std::span<const uint32_t> experts) = 0;
  // Gives the next one: its weights in run form, in order with the compute lane, until the next
  // call.
  struct Expert {
    const zero::Unit* form = nullptr;
    const std::byte* weights = nullptr;
  };
  virtual Expert take() = 0;
  // Instead of taking each: gives all of them, in their order, where each stays in its place until
  // the next need; else none, and they are taken one by one.
  virtual std::vector<Expert> take_all() { return {}; }
  // In a backward pass, the memory for the gradients of the expert taken last, with the places of
  // train::flat_of its form, until the next call; null where it is frozen.
  virtual std::byte* gradients() { return nullptr; }
};

// Takes the rows of the embedding's table before the embedding unit runs.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // Gives the rows of the embedding's table for the ids of this pass: [T] rows in `form`'s stored
  // form where `stored` is set, else in the run form; the next run of the embedding unit uses them.
  virtual void rows(const zero::Weight& form, const std::byte* rows, bool stored) = 0;
  // Gives the whole table of the embedding, resident in run form on the main device.
  virtual void table(const zero::Weight& form, const std::byte* table) = 0;
};

// Computes unit by unit. One pass: begin, then expand and run in the plan's order, then logits. All
// calls are on one thread, the only one that calls ATen. Pointers are memory of the device named.
// Calls enqueue device work in order on stream(); on a CPU the work is done when a call returns.
class Compute : public RowSink {
 public:
  virtual void* stream(uint32_t device) = 0;  // cudaStream_t; null on a CPU

  // Sets the experts, which outlive every later run.
  virtual void use(Experts&) {}

  virtual void begin(const Batch& batch) = 0;
  // Expands the unit's weights from their stored forms into their run forms.
  virtual void expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) = 0;
  // Runs the unit over the hidden state; a tile of the head fills its columns of the logits of the
  // wanted rows.
  virtual void run(const zero::Unit& unit, const std::byte* weights, uint32_t device) = 0;
  // Returns the logits, [wanted, V] float32 in host memory, valid until the next begin; waits for
  // the device.
  virtual std::span<const float> logits() = 0;
  // Forgets all keys and values.
  virtual void reset() = 0;

  // Bytes that the arithmetic holds now, and their peak since the last call, besides the arena.
  struct Held {
    uint64_t now = 0, peak = 0;
  };
  virtual Held held() = 0;

  // Starts threads and allocates the libraries' memory, which the first product would do otherwise.
  virtual void warm_up() {}

  // Adds the squares of what the products of linear layers and of experts take in every later run
  // to the sums, which outlive the runs.
  virtual void note_inputs(InputSquares&) {}
};

// The number of elements that expanding a weight holds between its two forms, on the CPU and on a
// GPU; a row or a head where that is more.
inline constexpr uint64_t between_on_cpu = 1u << 20, between_on_gpu = 1u << 22;

// Exported by libstrata-torch under the name "strata_open_compute".
using OpenCompute = std::unique_ptr<Compute>(const ComputeOptions&);

}  // namespace strata::run
