#include "core/train/load_masters.hpp"

#include <algorithm>

#include "core/device/arena.hpp"
#include "core/run/tiers.hpp"

namespace strata::train {

uint64_t load_masters(const MasterParts& parts, const run::Progress& progress) {
  const strata_dtype f32{STRATA_FLOAT, 32, 1};
  const auto& plan = *parts.plan;
  std::vector<run::Target> targets;
  uint64_t outgoing = 0;
  for (uint32_t u = 0; u < plan.masters.size(); ++u) {
    const auto& unit = plan.masters[u];
    if (unit.run_bytes == 0) continue;
    targets.push_back({&unit, parts.masters[u], {}, {.tier = 0}});
    if (parts.masters[u]) continue;
    outgoing = std::max(outgoing, unit.run_bytes);
    targets.back().take = [&parts, u](std::span<const std::byte> bytes) { parts.take(u, bytes); };
  }
  const device::Arena memory(outgoing);
  run::LoadParts load{.device = parts.device,
                      .scratch = parts.arena,
                      .scratch_bytes = plan.scratch_bytes,
                      .outgoing = memory.span(),
                      .separate_device = parts.separate_device,
                      .event = parts.first_event + run::staging_chunks};
  if (!parts.files) {
    run::load_dummy(targets, f32, load, progress);
    return 0;
  }
  auto options = *parts.compute;
  options.dtype = f32;
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
