#include "core/train/host_units.hpp"

#include <string>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/pages.hpp"

namespace strata::train {
namespace {

tier::Region region_of(tier::Tier& tier, uint64_t bytes) {
  auto region = tier.new_region(bytes);
  if (!region.memory())
    throw Error("offload/" + tier.name(), "it maps no memory, and the host updates what it holds",
                "use a tier in host memory");
  return region;
}

// The elements of a gradient on the host behind those of the unit: of looked-up rows, of all ranks,
// and the gap before them.
uint64_t beside_elements(const TrainingPlan& plan, const TrainingRequest& request, std::size_t u) {
  const auto& flat = plan.flats[u];
  if (flat.row_width == 0) return 0;
  return flat.all_rows - flat.elements +
         request.ranks * static_cast<uint64_t>(request.tokens) * flat.row_width;
}

// Takes the next bytes of memory.
std::byte* take(std::byte*& at, uint64_t bytes) {
  auto* here = at;
  at += bytes;
  return here;
}

}  // namespace

HostUnits::HostUnits(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& weights,
                     tier::Tier& states, device::Device& device)
    : units_(plan.units.size()) {
  for (uint32_t u = 0; u < units_.size(); ++u) units_[u].share = plan.share(u);
  open_weights(plan, request, weights, device);
  open_states(plan, request, states);
  auto* gradient_at = device.staging(plan.gradient_bytes);
  auto* input_at = plan.stored_inputs > 0 ? device.staging(plan.stored_inputs) : nullptr;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& unit = units_[u];
    const bool body = plan.units[u].kind == STRATA_UNIT_BODY && !plan.units[u].is_expert();
    if (body && u != plan.product_unit && input_at) unit.input = take(input_at, plan.input_bytes);
    if (plan.on_device(static_cast<uint32_t>(u))) continue;
    unit.gradient_dtype = held_gradient(request, u == plan.table_unit);
    const bool staged = !same(request.reduce, unit.gradient_dtype);
    unit.gradient = take(
        gradient_at, pages((unit.share.count + (staged ? 0 : beside_elements(plan, request, u))) *
                           element_bytes(unit.gradient_dtype)));
  }
  expert_stagings_ = gradient_at;
  expert_staging_bytes_ = plan.experts.bytes - plan.experts.gradient;
  // A single micro-batch of experts needs no stagings.
  stagings_ = expert_stagings_ + (request.micro_batches > 1 && plan.experts.count > 0
                                      ? expert_stagings * expert_staging_bytes_
                                      : 0);
  staging_bytes_ = plan.largest_gradient;
}

void HostUnits::open_weights(const TrainingPlan& plan, const TrainingRequest& request,
                             tier::Tier& tier, device::Device& device) {
  bytes_.weights = plan.weight_bytes;
  const bool bf16 = !plan.is_frozen() && request.storage.bits < 32;
  if (bf16 && request.weights_in_files)
    throw Error("offload/" + tier.name(), "it maps no memory, and the host updates what it holds",
                "use a tier in host memory");
  if (!request.weights_in_files) {
    weights_ = region_of(tier, plan.weight_bytes);
    auto* at = weights_.memory();
    for (std::size_t u = 0; u < units_.size(); ++u) {
      const auto& place = plan.placement[u];
      units_[u].own_master = has_own_masters(request, plan.units[u], plan.flats[u]);
      units_[u].bf16 = bf16;
      if (place.tier != zero::resident)
        units_[u].hold(take(at, pages(plan.memory_bytes(static_cast<uint32_t>(u)))));
    }
    return;
  }
  std::vector<uint64_t> bytes;
  for (uint32_t u = 0; u < units_.size(); ++u) {
    const auto& place = plan.placement[u];
    const bool read = reads_weights(plan, request, u) && place.tier != zero::resident;
    bytes.push_back(read ? units_[u].share.bytes : 0);
  }
  weight_files_ = std::make_unique<WeightFiles>(tier, bytes);
  bytes_.weights = weight_files_->memory_bytes();
  for (const auto u : {plan.table_unit, plan.product_unit}) {
    if (u >= units_.size()) continue;
    const auto held = pages(plan.memory_bytes(u));
    units_[u].hold(device.staging(held));
    bytes_.weights += held;
  }
  bytes_.file_weights = weight_files_->file_bytes();
}

void HostUnits::open_states(const TrainingPlan& plan, const TrainingRequest& request,
                            tier::Tier& tier) {
  std::vector<StateFiles::Unit> in_files;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& unit = units_[u];
    unit.elements = plan.flats[u].elements;
    const auto own = unit.share.count;
    unit.layout = states_of(request.rule, plan.units[u], plan.flats[u], own);
    if (plan.on_device(static_cast<uint32_t>(u))) {
      in_files.push_back({.elements = 0, .has_master = false});
      continue;
    }
    if (unit.own_master) bytes_.states += pages(own * sizeof(float));
    bytes_.states += unit.layout.bytes;
    if (!unit.own_master && !unit.bf16) unit.master = reinterpret_cast<float*>(unit.weights);
    in_files.push_back({.elements = own, .has_master = unit.own_master});
  }
  if (request.states_in_files) {
    if (request.rule != Rule::adam)
      throw Error("offload/" + tier.name(), "it maps no memory, and holds the states of Adam alone",
                  "use a tier in host memory");
    state_files_ = std::make_unique<StateFiles>(tier, std::move(in_files));
    bytes_.states = state_files_->memory_bytes();
    bytes_.file_states = state_files_->file_bytes();
    return;
  }
  states_ = region_of(tier, bytes_.states);
  auto* at = states_.memory();
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& unit = units_[u];
    if (plan.on_device(static_cast<uint32_t>(u))) continue;
    if (unit.own_master)
      unit.master = reinterpret_cast<float*>(take(at, pages(unit.share.count * sizeof(float))));
    unit.states = take(at, unit.layout.bytes);
    if (request.rule != Rule::adam) continue;
    unit.moment1 = reinterpret_cast<float*>(unit.states);
    unit.moment2 = reinterpret_cast<float*>(unit.states + unit.layout.bytes / 2);
  }
}

}  // namespace strata::train
