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

}  // namespace

HostUnits::HostUnits(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& weights,
                     tier::Tier& states, device::Device& device)
    : units_(plan.units.size()) {
  weights_ = region_of(weights, plan.weight_bytes);
  uint64_t states_bytes = 0;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& unit = units_[u];
    unit.own_master = !is_master(plan.units[u], plan.flats[u], request.dtype);
    unit.layout = states_of(request.rule, plan.units[u], plan.flats[u]);
    if (unit.own_master) states_bytes += pages(plan.flats[u].elements * sizeof(float));
    states_bytes += unit.layout.bytes;
  }
  states_ = region_of(states, states_bytes);
  auto* weight_at = weights_.memory();
  auto* state_at = states_.memory();
  auto* gradient_at = device.staging(plan.gradient_bytes);
  auto* input_at = plan.stored_inputs > 0 ? device.staging(plan.stored_inputs) : nullptr;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& unit = units_[u];
    const auto& flat = plan.flats[u];
    const auto state = pages(flat.elements * sizeof(float));
    const auto next = [&](std::byte*& at, uint64_t bytes) {
      auto* here = at;
      at += bytes;
      return here;
    };
    unit.weights = next(weight_at, pages(plan.units[u].run_bytes));
    unit.master = reinterpret_cast<float*>(unit.own_master ? next(state_at, state) : unit.weights);
    unit.states = next(state_at, unit.layout.bytes);
    if (request.rule == Rule::adam) {
      unit.moment1 = reinterpret_cast<float*>(unit.states);
      unit.moment2 = reinterpret_cast<float*>(unit.states + unit.layout.bytes / 2);
    }
    unit.gradient_dtype = held_gradient(request, u == plan.table_unit);
    const bool staged = !same(request.reduce, unit.gradient_dtype);
    const auto rows = staged ? 0 : static_cast<uint64_t>(request.tokens) * flat.row_width;
    unit.gradient =
        next(gradient_at, pages((flat.elements + rows) * element_bytes(unit.gradient_dtype)));
    if (plan.units[u].kind == STRATA_UNIT_BODY && !plan.units[u].is_expert() && input_at)
      unit.input = next(input_at, plan.input_bytes);
  }
  expert_stagings_ = gradient_at;
  expert_staging_bytes_ = plan.experts.bytes - plan.experts.gradient;
  // A single micro-batch of experts needs no stagings.
  stagings_ = expert_stagings_ + (request.micro_batches > 1 && plan.experts.count > 0
                                      ? expert_stagings * expert_staging_bytes_
                                      : 0);
  staging_bytes_ = plan.largest_gradient;
}

}  // namespace strata::train
