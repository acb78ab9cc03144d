#include "app/memory_plan.hpp"

#include <algorithm>
#include <exception>
#include <string>

#include "app/machine.hpp"
#include "core/error.hpp"
#include "core/run/tiers.hpp"

namespace strata::app {
namespace {

// The memory that the program holds when it computes, and the part of it that LibTorch takes when
// it is opened.
constexpr uint64_t least_program = 160u << 20, opened_later = 128u << 20;
constexpr uint64_t least_transfers = run::staging_chunks * (run::longest_read + (8u << 10));

// The share of free memory that a run may take; the rest is left to other programs.
uint64_t usable(uint64_t bytes) { return bytes / 10 * 9; }
uint64_t less(uint64_t whole, uint64_t part) { return whole > part ? whole - part : 0; }

void give_tiers(run::Wish& wish, uint64_t bytes) {
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    if (!wish.reads[t]) wish.tiers[t].capacity = bytes;
}

uint64_t in_host_tiers(const run::Prepared& prepared, const run::Wish& wish) {
  uint64_t sum = 0;
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    if (!wish.tiers[t].in_place && !wish.reads[t]) sum += prepared.tier_bytes[t];
  return sum;
}

uint64_t in_files(const run::Prepared& prepared, const run::Wish& wish) {
  uint64_t sum = 0;
  for (std::size_t t = 0; t < wish.tiers.size(); ++t)
    if (wish.reads[t]) sum += prepared.tier_bytes[t];
  return sum;
}

// The device gets its budget, or what it needs without one; the tiers get the rest.
run::Prepared beside_tiers(const run::Model& model, run::Wish& wish, const Budgets& budgets,
                           uint64_t pool) {
  give_tiers(wish, budgets.host.value_or(pool));
  auto out = run::prepare(model, wish);
  const auto rest = less(pool, out.device_bytes);
  if (budgets.host || in_host_tiers(out, wish) <= rest) return out;
  try {
    give_tiers(wish, rest);
    return run::prepare(model, wish);
  } catch (const Error&) {  // too_much() tells what the budgets ask for
    give_tiers(wish, pool);
    return out;
  }
}

// The device gets everything if the model fits; else every split in eighths is tried.
run::Prepared shared(const run::Model& model, run::Wish& wish, const Budgets& budgets,
                     uint64_t pool) {
  constexpr uint64_t shares = 8;
  std::optional<run::Prepared> best;
  auto chosen = wish;
  std::exception_ptr refused;
  for (uint64_t share = shares; share > 0; --share) {
    wish.device_memory = pool / shares * share;
    give_tiers(wish, std::min(budgets.host.value_or(~uint64_t{0}), pool - *wish.device_memory));
    try {
      auto one = run::prepare(model, wish);
      if (!best || in_files(one, wish) < in_files(*best, chosen)) {
        best = std::move(one);
        chosen = wish;
      }
    } catch (const Error&) {
      if (!refused) refused = std::current_exception();
    }
    if (wish.tiers.empty() || (best && (best->resident || in_files(*best, chosen) == 0))) break;
  }
  if (!best) std::rethrow_exception(refused);
  wish = std::move(chosen);
  return std::move(*best);
}

uint64_t program_bytes(uint64_t resident) {
  return std::max(least_program, resident + opened_later);
}

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

run::Prepared prepare_in_memory(const run::Model& model, run::Wish& wish, const Budgets& budgets,
                                const HostMemory& free) {
  // The memory of this moment cancels out, so that ranks with the same free memory plan the same.
  const auto resident = memory::resident();
  const auto pool = usable(less(free.bytes + resident, program_bytes(resident) + least_transfers));
  wish.fill_device = !budgets.tier_named || budgets.device.has_value();
  wish.device_memory = budgets.device;
  if (wish.separate_device) {
    if (!budgets.tier_named && !wish.device_memory)
      wish.device_memory = usable(budgets.separate_device);
    give_tiers(wish, budgets.host.value_or(pool));
    return run::prepare(model, wish);
  }
  if (budgets.device || budgets.tier_named) return beside_tiers(model, wish, budgets, pool);
  wish.free_memory = free.limit;
  return shared(model, wish, budgets, pool);
}

HostShare host_share(const run::Prepared& prepared, const run::Wish& wish) {
  return {.program = program_bytes(memory::resident()),
          .transfers = prepared.transfer_bytes,
          .tiers = in_host_tiers(prepared, wish),
          .device = wish.separate_device ? 0 : prepared.device_bytes};
}

std::string too_much(const HostShare& share, const HostMemory& free) {
  const auto needed = share.bytes(), there = free.bytes + memory::resident();
  if (needed <= there) return {};
  return "a run would hold " + mebibytes(needed) + " of host memory and " + mebibytes(there) +
         " are " + std::string(free.limit);
}

}  // namespace strata::app
