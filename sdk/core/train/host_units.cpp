#include "core/train/host_units.hpp"

#include <string>

#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::train {
namespace {

constexpr uint64_t page = 4096;

uint64_t pages(uint64_t bytes) { return (bytes + page - 1) / page * page; }

// Whether the run form is float32 in the places of the flat array.
bool is_master(const zero::Unit& unit, const Flat& flat, strata_dtype dtype) {
  if (!same(dtype, {STRATA_FLOAT, 32, 1})) return false;
  for (const auto& piece : flat.pieces)
    if (unit.weights[piece.weight].run.at != piece.first * sizeof(float)) return false;
  return true;
}

tier::Region region_of(tier::Tier& tier, uint64_t bytes) {
  auto region = tier.new_region(bytes);
  if (!region.memory())
    throw Error("offload/" + tier.name(), "it maps no memory, and the host updates what it holds",
                "use a tier in host memory");
  return region;
}

}  // namespace

uint64_t state_bytes(const TrainingPlan& plan, const TrainingRequest& request) {
  uint64_t bytes = 0;
  for (std::size_t u = 0; u < plan.units.size(); ++u) {
    const bool own_master = !is_master(plan.units[u], plan.flats[u], request.dtype);
    bytes += (own_master ? 3 : 2) * pages(plan.flats[u].elements * sizeof(float));
  }
  return bytes;
}

HostUnits::HostUnits(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& weights,
                     tier::Tier& states, device::Device& device)
    : units_(plan.units.size()) {
  weights_ = region_of(weights, plan.weight_bytes);
  states_ = region_of(states, state_bytes(plan, request));
  auto* weight_at = weights_.memory();
  auto* state_at = states_.memory();
  auto* gradient_at = device.staging(plan.gradient_bytes);
  auto* input_at = plan.stored_inputs > 0 ? device.staging(plan.stored_inputs) : nullptr;
  const bool staged = !same(request.reduce, {STRATA_FLOAT, 32, 1});
  for (std::size_t u = 0; u < units_.size(); ++u) {
    auto& unit = units_[u];
    const auto& flat = plan.flats[u];
    unit.own_master = !is_master(plan.units[u], flat, request.dtype);
    const auto state = pages(flat.elements * sizeof(float));
    const auto next = [&](std::byte*& at, uint64_t bytes) {
      auto* here = at;
      at += bytes;
      return here;
    };
    unit.weights = next(weight_at, pages(plan.units[u].run_bytes));
    unit.master = reinterpret_cast<float*>(unit.own_master ? next(state_at, state) : unit.weights);
    unit.moment1 = reinterpret_cast<float*>(next(state_at, state));
    unit.moment2 = reinterpret_cast<float*>(next(state_at, state));
    const auto rows = staged ? 0 : static_cast<uint64_t>(request.tokens) * flat.row_width;
    unit.gradient = next(gradient_at, pages((flat.elements + rows) * sizeof(float)));
    if (plan.units[u].kind == STRATA_UNIT_BODY && !plan.units[u].is_expert() && input_at)
      unit.input = next(input_at, plan.input_bytes);
  }
  stagings_ = gradient_at;
  staging_bytes_ = plan.largest_gradient;
  expert_stagings_ = stagings_ + gradient_stagings * staging_bytes_;
  expert_staging_bytes_ = plan.experts.bytes - plan.experts.gradient;
}

}  // namespace strata::train
