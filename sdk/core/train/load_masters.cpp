#include "core/train/load_masters.hpp"

#include <algorithm>
#include <vector>

#include "core/dtype.hpp"
#include "core/run/tiers.hpp"
#include "core/source/elements.hpp"

namespace strata::train {
namespace {

// Writes a made weight's elements, rounded to its own dtype as if a checkpoint held them.
void fill(const source::MadeTensor& made, std::span<float> master) {
  constexpr std::size_t chunk = 1 << 16;  // elements
  const auto dtype = made.tensor.stored.dtype();
  const std::size_t width = element_bytes(dtype);
  std::vector<std::byte> bytes;
  for (std::size_t first = 0; first < master.size(); first += chunk) {
    const auto count = std::min(chunk, master.size() - first);
    bytes.resize(count * width);
    made.fill(first, bytes);
    for (std::size_t i = 0; i < count; ++i)
      master[first + i] = static_cast<float>(source::element(dtype, bytes.data() + i * width));
  }
}

void fill_made(const MasterParts& parts) {
  const auto& plan = *parts.plan;
  for (const auto& made : parts.model->made)
    for (std::size_t u = 0; u < plan.units.size(); ++u)
      for (const auto& piece : plan.flats[u].pieces)
        if (plan.units[u].weights[piece.weight].name == made.tensor.name)
          fill(made, {reinterpret_cast<float*>(parts.masters[u]) + piece.first,
                      static_cast<std::size_t>(piece.count)});
}

uint64_t load_stored(const MasterParts& parts, const run::Progress& progress) {
  const strata_dtype f32{STRATA_FLOAT, 32, 1};
  const auto& plan = *parts.plan;
  std::vector<run::Target> targets;
  for (std::size_t u = 0; u < plan.masters.size(); ++u)
    if (plan.masters[u].run_bytes > 0)
      targets.push_back({&plan.masters[u], parts.masters[u], {}, {.tier = 0}});
  run::LoadParts load{.device = parts.device,
                      .scratch = parts.arena,
                      .scratch_bytes = plan.scratch_bytes,
                      .outgoing = {},
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

}  // namespace

uint64_t load_masters(const MasterParts& parts, const run::Progress& progress) {
  const auto bytes = load_stored(parts, progress);
  fill_made(parts);
  return bytes;
}

}  // namespace strata::train
