#include "core/train/load_masters.hpp"

#include <algorithm>
#include <deque>

#include "core/device/arena.hpp"
#include "core/run/tiers.hpp"
#include "core/train/make_masters.hpp"

namespace strata::train {
namespace {

// The targets of a frozen model, in the forms in which they are held.
std::vector<run::Target> frozen_targets(const MasterParts& parts) {
  const auto& plan = *parts.plan;
  std::vector<run::Target> out;
  for (uint32_t u = 0; u < plan.product_unit; ++u) {
    if (plan.units[u].run_bytes == 0) continue;
    out.push_back({&plan.units[u], parts.masters[u], {}, plan.placement[u]});
    if (!parts.masters[u])
      out.back().take = [&parts, u](std::span<const std::byte> bytes) { parts.take(u, bytes); };
  }
  return out;
}

// Made-up weights of resident units are copied from memory of the device's.
std::span<std::byte> made_up(const MasterParts& parts, const std::vector<run::Target>& targets) {
  uint64_t most = 0;
  for (const auto& target : targets)
    if (target.on_device() && parts.separate_device) most = std::max(most, target.bytes());
  return {most > 0 ? run::transfer_memory(*parts.device, most) : nullptr, most};
}

}  // namespace

uint64_t load_masters(const MasterParts& parts, const run::Progress& progress) {
  const auto& plan = *parts.plan;
  const auto dtype = plan.is_frozen() ? parts.compute->dtype : parts.dtype;
  std::vector<run::Target> targets, made;
  std::deque<zero::Unit> units;  // of the targets whose weights are made, or some of them
  if (plan.is_frozen()) targets = frozen_targets(parts);
  uint64_t outgoing = 0;
  for (const auto& target : targets)
    if (!target.memory) outgoing = std::max(outgoing, target.bytes());
  for (uint32_t u = 0; u < plan.masters.size(); ++u) {
    const auto& unit = plan.masters[u];
    if (unit.run_bytes == 0) continue;
    if (!parts.masters[u]) outgoing = std::max(outgoing, unit.run_bytes);
    const auto add = [&](std::vector<run::Target>& to, const zero::Unit& one) {
      to.push_back({&one, parts.masters[u], {}, {.tier = 0}});
      if (parts.masters[u]) return;
      to.back().take = [&parts, u](std::span<const std::byte> bytes) { parts.take(u, bytes); };
      to.back().give = [&parts, u](std::span<std::byte> bytes) { parts.give(u, bytes); };
    };
    auto computed = parts.files && parts.model->checkpoint
                        ? made_part(unit, *parts.model->checkpoint)
                        : zero::Unit{};
    if (computed.weights.empty()) {
      add(targets, unit);
      continue;
    }
    add(made, units.emplace_back(std::move(computed)));
    auto filed = filed_part(unit, *parts.model->checkpoint);
    if (!filed.weights.empty()) add(targets, units.emplace_back(std::move(filed)));
  }
  const device::Arena memory(outgoing);
  run::LoadParts load{.device = parts.device,
                      .scratch = parts.arena + plan.scratch_at(),
                      .scratch_bytes = plan.scratch_bytes,
                      .outgoing = memory.span(),
                      .separate_device = parts.separate_device,
                      .event = parts.first_event + run::staging_chunks};
  if (!parts.files) {
    load.outgoing = made_up(parts, targets);
    run::load_dummy(targets, dtype, parts.compute->codec, load, progress);
    return 0;
  }
  auto options = *parts.compute;
  options.dtype = dtype;
  const auto compute = parts.open_compute(options);
  load.compute = compute.get();
  const auto grain = run::grain_of(*parts.files);
  const auto chunk = run::longest_read + grain.align;
  const uint64_t bytes = run::staging_chunks * chunk;
  auto* staging = run::transfer_memory(*parts.device, bytes);
  const strata_device kind{parts.separate_device ? STRATA_PINNED : STRATA_CPU, 0};
  const tier::Announced announced(*parts.files, {staging, bytes}, kind);
  std::vector<tier::Region> files;
  for (const auto& file : parts.model->checkpoint->files())
    files.push_back(parts.files->bind(file->path(), 0, file->size()));
  tier::Reader reader(*parts.device, staging, chunk, run::staging_chunks, parts.first_event);
  load.reader = &reader;
  uint64_t read = 0, all = 0;
  for (const auto* list : {&targets, &made})
    for (const auto& target : *list) all += target.bytes();
  for (const auto& target : targets) read += target.bytes();
  const auto beside = [&](uint64_t before) -> run::Progress {
    if (!progress) return {};
    return [&progress, before, all](uint64_t done, uint64_t) { progress(before + done, all); };
  };
  run::load(targets, *parts.files, files, grain, load, beside(0));
  make_masters(made, *parts.model->checkpoint, load, targets.size(), beside(read));
  return parts.files->bytes_read();
}

}  // namespace strata::train
