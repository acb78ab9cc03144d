// The preparation of a run: everything known before it allocates memory or reads a weight.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/adapter/adapter.hpp"
#include "core/dry_run/measure.hpp"
#include "core/run/compute.hpp"
#include "core/run/model.hpp"
#include "core/zero/placement.hpp"
#include "core/zero/plan.hpp"

namespace strata::run {

// The request for a run.
struct Wish {
  strata_dtype dtype{STRATA_FLOAT, 32, 1};
  bool fill_device = true;            // units stay on the device as far as the budget goes
  std::vector<zero::TierRoom> tiers;  // where the others go, in order
  std::vector<bool> reads;            // by tier: it reads into memory (lane io), or maps its memory
  std::optional<uint64_t> device_memory;  // of weights, KV cache and activations; none: as needed
  // The limit that device_memory was taken from, in words; empty: the user chose device_memory.
  std::string_view free_memory;
  bool separate_device = false;        // the device's memory is not the host's
  uint64_t library_bytes = 0;          // device memory that its libraries hold besides
  uint64_t adapter_bytes = 0;          // of low-rank products, resident beside the weights
  adapter::Scratch adapter_scratch{};  // of computing them
  uint32_t sequences = 1;              // at once
  int64_t tokens = 0;                  // of one sequence at most; 0: no KV cache
  int64_t prompt = 1;                  // tokens of all prompts together: the largest possible pass
  bool all_logits = false;             // of every token, not only of each sequence's last
  dry_run::AttentionBytes attention_bytes{};  // of the chosen backend; empty: not counted
  FindCodec codec{};           // whose plugins may multiply weights as they lie; empty: none does
  bool fast_products = false;  // those may round their x to 8 bits
  std::vector<uint32_t> second_device;  // declared units that run where their tier maps them
  zero::Mode mode = zero::Mode::step;
  uint32_t rank = 0, ranks = 1;
  bool group_of_one = false;  // one rank's units are gathered, too
  // Each rank of a group has the whole of a unit with fewer elements, for which nothing is
  // gathered.
  uint64_t whole_below = 0;

  bool has_group() const { return ranks > 1 || group_of_one; }
};

struct Prepared {
  std::vector<zero::Unit> units;
  // Tiles of the embedding's table, where a tier has room of its own for it.
  std::vector<zero::Unit> table;
  zero::Placement placement;
  zero::Plan plan;
  KvRoom kv;
  int64_t chunk = 1;  // tokens of a pass at most
  bool tied = false;
  bool resident = false;    // every unit is
  zero::Place table_place;  // of each tile, or the file's tier
  uint64_t kv_bytes = 0;
  uint64_t activation_bytes = 0;
  // Between a weight's stored and run form, or of a product with a weight in its codec's form.
  uint64_t expansion_bytes = 0;
  uint64_t rows_bytes = 0;  // rows of the embedding for one pass, behind the plan's arena
  // The size of a scratch: one unit's stored form (and run form) while loading, behind the
  // residents. There are two where there is room: one unit is read while another is expanded.
  uint64_t scratch_bytes = 0;
  uint32_t scratches = 1;
  uint64_t arena_bytes = 0;
  uint64_t device_bytes = 0;         // all of it
  uint64_t transfer_bytes = 0;       // of host memory, that reads and writes go through
  std::vector<uint64_t> tier_bytes;  // the bytes that each tier holds
  std::vector<double> flops;         // by unit, of a pass of one token a sequence
  std::vector<uint32_t> top_k;       // by unit: experts of a token; 0: no mixture layer
};

// Prepares a run. Refuses a budget that no plan fits, with the least --device-memory that does.
Prepared prepare(const Model& model, const Wish& wish);

}  // namespace strata::run
