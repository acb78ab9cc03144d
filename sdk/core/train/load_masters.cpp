#include "core/train/load_masters.hpp"

#include <algorithm>

#include "core/run/tiers.hpp"

namespace strata::train {
namespace {

std::vector<run::Target> targets_of(const MasterParts& parts) {
  const auto& plan = *parts.plan;
  const auto& units = plan.is_frozen() ? plan.units : plan.masters;
  std::vector<run::Target> out;
  for (std::size_t u = 0; u < units.size(); ++u)
    if (units[u].run_bytes > 0 && u != plan.product_unit)
      out.push_back({&units[u], parts.masters[u], {}, plan.placement[u]});
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
  const auto dtype = plan.is_frozen() ? parts.compute->dtype : strata_dtype{STRATA_FLOAT, 32, 1};
  const auto targets = targets_of(parts);
  run::LoadParts load{.device = parts.device,
                      .scratch = parts.arena + plan.scratch_at(),
                      .scratch_bytes = plan.scratch_bytes,
                      .outgoing = {},
                      .separate_device = parts.separate_device,
                      .event = parts.first_event + run::staging_chunks};
  if (!parts.files) {
    load.outgoing = made_up(parts, targets);
    run::load_dummy(targets, dtype, load, progress);
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
  run::load(targets, *parts.files, files, grain, load, progress);
  return parts.files->bytes_read();
}

}  // namespace strata::train
