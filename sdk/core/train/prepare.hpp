// The preparation of training: everything known before it allocates memory or reads a weight.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/dry_run/measure.hpp"
#include "core/run/compute.hpp"
#include "core/run/model.hpp"
#include "core/train/flat.hpp"
#include "core/train/products.hpp"
#include "core/train/share.hpp"
#include "core/train/states.hpp"
#include "core/train/step_uses.hpp"
#include "core/zero/plan.hpp"

namespace strata::train {

inline constexpr uint32_t no_table = ~uint32_t{0}, no_products = ~uint32_t{0};

// The request for training.
struct TrainingRequest {
  strata_dtype dtype{STRATA_FLOAT, 32, 1};   // to compute in
  strata_dtype reduce{STRATA_FLOAT, 32, 1};  // of gradients
  // The dtype of the weights between steps: float32, or bfloat16 if `dtype` is that. Then the
  // weights that compute are the only ones, in memory, and their updates are rounded
  // stochastically.
  strata_dtype storage{STRATA_FLOAT, 32, 1};
  Rule rule = Rule::adam;      // of the optimizer
  uint32_t sequences = 1;      // of one micro-batch, at most
  int64_t tokens = 1;          // of one micro-batch, at most
  int64_t longest = 1;         // tokens of one sequence, at most
  uint32_t micro_batches = 1;  // of one step
  int64_t loss_rows = 1024;    // tokens whose logits exist at a time
  Products products{};         // trained instead of the weights; none: these are
  // Kept inputs are stored in host memory; they are too where the budget is too small otherwise.
  bool inputs_in_tier = false;
  // The graphs of all units' runs are kept until their backward, so that no unit is run again. No
  // inputs are kept then but the head's.
  bool keep_graphs = false;
  // The tier of the weights, and that of the states, maps no memory.
  bool weights_in_files = false, states_in_files = false;
  // The part of the trained parameters whose states lie on the device, which updates them; 0: all
  // states are on the host. Only under Rule::adam and without products.
  double device_share = 0;
  // Weights stay on the device during a step as far as the budget goes.
  bool fill_device = false;
  // Updates begin while the backward of other units runs; without clipping alone.
  bool early_updates = false;
  std::optional<uint64_t> device_memory;  // of weights, gradients, inputs and activations
  bool separate_device = false;           // the device's memory is not the host's
  run::FindCodec codec{};                 // whose plugins expand weights on it; empty: all do
  uint64_t library_bytes = 0;             // device memory that its libraries hold besides
  dry_run::AttentionBytes attention_bytes{};
  uint32_t rank = 0, ranks = 1;
  bool group_of_one = false;  // one rank's units are cut into one part, too
  // Each rank of a group has the whole of a unit with fewer elements, so that nothing of its
  // weights is gathered.
  uint64_t whole_below = 100'000;

  bool has_group() const { return ranks > 1 || group_of_one; }
};

// The dtype in which the host holds the gradient of a unit: that of the reduction, if it only keeps
// what arrives; float32, if it adds up micro-batches or, in the unit that holds the embedding's
// table, looked-up rows.
strata_dtype held_gradient(const TrainingRequest& request, bool has_table);

// Whether the host holds float32 weights of a unit beside those that compute.
bool has_own_masters(const TrainingRequest& request, const zero::Unit& unit, const Flat& flat);

// The number of host memories that gradients of experts' later micro-batches take turns in.
inline constexpr uint32_t expert_stagings = 2;

// Equal slots of the arena for the experts that layers choose while they run: each has room for an
// expert's weights, and behind them for its gradient, or for its stored form if it is frozen.
struct TrainSlots {
  uint64_t offset = 0, bytes = 0;  // of the first; of each
  uint64_t stored = 0;             // where in a slot the stored form begins
  uint64_t gradient = 0;           // where in a slot the gradient begins
  uint32_t count = 0;              // 0: no experts
};

struct TrainingPlan {
  // In the dtype that computes; the table of an embedding that is not tied to the head is a unit of
  // its own behind all others, which the host looks up and updates. Behind it is the unit of the
  // products, if there are any; all others are frozen then.
  std::vector<zero::Unit> units;
  // The same units in the storage dtype, as the host holds the weights that it updates; none if
  // frozen.
  std::vector<zero::Unit> masters;
  std::vector<Flat> flats;         // by unit; without pieces if it is frozen
  std::vector<Share> shares;       // by unit: this rank's; without a group, everything
  uint32_t table_unit = no_table;  // that holds the embedding's table
  uint32_t table_weight = 0;       // its index there
  bool tied = false;               // the table is the head's matrix
  Products products;               // that are trained
  uint32_t product_unit = no_products;
  // In the one tier, frozen units as they are stored if that is smaller; or resident.
  zero::Placement placement;
  // By unit: its weights, master weights, moments and gradient lie on the device; empty: no unit's.
  std::vector<bool> states_on_device;
  zero::Plan step, scoring;
  TrainSlots experts;           // behind both
  int64_t hidden = 0;           // columns of the hidden state
  uint64_t input_bytes = 0;     // of one unit's kept input
  uint64_t rows_bytes = 0;      // rows of the embedding for one micro-batch, at the arena's end
  uint64_t exchange_bytes = 0;  // before them, for a table that ranks exchange
  uint64_t activation_bytes = 0;
  bool keeps_graphs = false;   // as the request
  uint64_t scratch_bytes = 0;  // of the arena while loading: one unit's stored form, and its other
  uint64_t device_states = 0;  // bytes of states in the arena
  uint64_t arena_bytes = 0, device_bytes = 0;  // device_bytes: all of it
  // Host memory.
  uint64_t weight_bytes = 0;      // in the tier, in their forms there
  uint64_t gradient_bytes = 0;    // with the stagings
  uint64_t state_bytes = 0;       // of masters that are no weights, and of the optimizer's states
  uint64_t stored_inputs = 0;     // bytes of kept inputs; 0: they stay on the device
  uint64_t largest_gradient = 0;  // bytes of the largest one on the device, of no expert
  // By unit, of a micro-batch's run over the most tokens, the head's of all of them; a mixture
  // layer's has those of its experts. A token sees half of the longest sequence on average.
  std::vector<double> flops;
  std::vector<uint32_t> top_k;  // by unit: the experts of a token; 0: no mixture layer

  bool is_frozen() const { return product_unit != no_products; }
  // The share of a unit; everything where there are no shares.
  Share share(uint32_t unit) const {
    if (unit < shares.size()) return shares[unit];
    return {.each = flats[unit].elements, .count = flats[unit].elements, .bytes = held_bytes(unit)};
  }
  // Bytes of a unit's held form, of all ranks.
  uint64_t held_bytes(uint32_t unit) const {
    return zero::held_bytes(units[unit], placement[unit]);
  }
  // Those of them that this rank has memory for.
  uint64_t memory_bytes(uint32_t unit) const {
    const auto own = share(unit);
    return own.looked_up ? held_bytes(unit) : own.bytes;
  }
  bool on_device(uint32_t unit) const {
    return unit < states_on_device.size() && states_on_device[unit];
  }
  // Where in the arena the scratch begins: what stays on the device is loaded before it.
  uint64_t scratch_at() const { return is_frozen() || !states_on_device.empty() ? step.fixed : 0; }
};

// Whether lane io reads the weights of a unit from files, unless it is resident. The host looks the
// embedding's table up, so that this one is in memory, as products are.
inline bool reads_weights(const TrainingPlan& plan, const TrainingRequest& request, uint32_t unit) {
  return request.weights_in_files && unit != plan.table_unit && unit != plan.product_unit &&
         plan.units[unit].run_bytes > 0;
}

// Prepares training of all weights, or of products beside them. Refuses a budget that no plan fits,
// with the least --device-memory that does.
//
// The units whose states lie on the device are those that a forward needs first, so that it begins
// while the host updates the others. The embedding, whose table the host looks up, a head that is
// tied to it, and experts have theirs on the host.
TrainingPlan prepare_training(const run::Model& model, const TrainingRequest& request);

}  // namespace strata::train
