#include "app/open_session.hpp"

#include <algorithm>
#include <iterator>

#include "app/choices.hpp"
#include "app/codecs.hpp"
#include "app/compute_library.hpp"
#include "app/expansion.hpp"
#include "app/machine.hpp"
#include "app/open_adapter.hpp"
#include "app/ranks.hpp"
#include "core/device/cpu_device.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

// The parts of a session that its ranks share.
void join(run::SessionParts& parts, const std::shared_ptr<run::Group>& group) {
  parts.collective = &group->data();
  parts.any_has_tokens = [group](bool mine) { return any_has_tokens(group->control(), mine); };
  parts.progress = [group](uint64_t pass, uint32_t unit) { group->progress(pass, unit); };
}

// The wish of a rank in a group, of which nothing else is known yet.
run::Wish wish_of(uint32_t rank, uint32_t ranks) {
  run::Wish out;
  out.rank = rank;
  out.ranks = ranks;
  out.group_of_one = ranks == 1;
  return out;
}

// The plan of the rank that the wish names; each has `free` host memory. The options are those that
// placed() gives.
Planned plan_for(const RunOptions& options, const run::Model& model, const Capacity& capacity,
                 Plugins& plugins, run::Wish rank, const HostMemory& free) {
  Planned out;
  out.wish = std::move(rank);
  const auto cuda = options.device == "cpu" ? CudaMemory{} : cuda_memory(options.gpu);
  out.cuda = choose_cuda(options, cuda);
  out.tiers = choose_tiers(options, plugins);
  auto& wish = out.wish;
  wish.dtype = choose_dtype(options, model, out.cuda);
  wish.codec = codecs_of(plugins);
  wish.fast_products = options.products == "fast";
  wish.separate_device = out.cuda;
  wish.whole_below = static_cast<uint64_t>(options.whole_below);
  wish.library_bytes = out.cuda ? cuda_library_bytes : 0;
  wish.sequences = capacity.sequences;
  wish.tokens = capacity.tokens;
  wish.prompt = capacity.prompt;
  wish.all_logits = capacity.all_logits;
  if (!options.adapter.empty()) {
    out.adapter = open_adapter(options.adapter, model, plugins.log());
    out.adapter->require_low_rank(model.checkpoint ? &*model.checkpoint : nullptr);
    wish.adapter_bytes = out.adapter->bytes();
    wish.adapter_scratch = adapter::scratch_of(*out.adapter, wish.dtype.bits < 32);
  }
  for (const auto* one : out.tiers) {
    const auto& table = *plugins.table<strata_offload>(*one);
    const bool in_place =
        reads_files(table) && model.checkpoint && !model.checkpoint->files().empty();
    const bool reads = in_place || !maps(table);
    const bool runs_units = options.in_place && !out.cuda && !wish.has_group() && !reads;
    wish.tiers.push_back(
        {.name = one->manifest.name, .in_place = in_place, .runs_units = runs_units});
    wish.reads.push_back(reads);
    plugins.use(*one);
  }
  out.attention =
      &choose_attention(options, plugins, attention_requests(model, wish.dtype, out.cuda));
  plugins.use(*out.attention);
  wish.attention_bytes = bytes_of(*plugins.table<strata_attention>(*out.attention),
                                  out.attention->manifest.name, plugins.host());
  out.free = free;
  out.prepared =
      prepare_in_memory(model, wish,
                        {.device = options.device_memory,
                         .host = options.host_memory,
                         .tier_named = options.offload != "auto" && options.offload != "device",
                         .separate_device = cuda.total},
                        out.free);
  if (const auto words = expansion_words(out.prepared, wish.dtype); !words.empty())
    plugins.log().line(STRATA_INFO, model.path + ": " + words);
  out.host = host_share(out.prepared, wish);
  return out;
}

}  // namespace

strata_dtype choose_dtype(const RunOptions& options, const run::Model& model, bool cuda) {
  if (options.dtype == "float32") return {STRATA_FLOAT, 32, 1};
  if (options.dtype == "bfloat16") return {STRATA_BFLOAT, 16, 1};
  if (options.dtype == "float16") return {STRATA_FLOAT, 16, 1};
  if (!cuda) return {STRATA_FLOAT, 32, 1};
  const bool blocks = model.checkpoint && !model.quantized &&
                      std::ranges::any_of(model.checkpoint->tensors(), source::in_blocks);
  return blocks ? strata_dtype{STRATA_BFLOAT, 16, 1} : model.dtype();
}

Planned plan_run(const RunOptions& options, const run::Model& model, const Capacity& capacity,
                 Plugins& plugins, run::Group* group) {
  if (!group) return plan_for(options, model, capacity, plugins, {}, available_memory());
  const auto wish = wish_of(group->ranks().rank, group->ranks().ranks);
  auto out = plan_for(placed(options, group), model, capacity, plugins, wish,
                      shared_memory(*group, available_memory()));
  auto facts = facts_of(plugins);
  std::ranges::move(facts_of(out.prepared, out.wish), std::back_inserter(facts));
  require_same(group->control(), facts);
  return out;
}

Planned plan_rank(RunOptions options, const run::Model& model, const Capacity& capacity,
                  Plugins& plugins, uint32_t ranks) {
  if (ranks == 0) return plan_run(options, model, capacity, plugins);
  if (options.device != "cpu") options.gpu = gpu_of_process(ranks - 1);
  auto free = available_memory();
  free.bytes /= ranks;
  return plan_for(options, model, capacity, plugins, wish_of(0, ranks), free);
}

run::SessionParts session_parts(const RunOptions& given, const run::Model& model, Planned planned,
                                bool dummy, Plugins& plugins,
                                const std::shared_ptr<run::Group>& group) {
  if (!dummy) need_results(*planned.attention);
  const auto options = placed(given, group.get());
  run::SessionParts parts;
  parts.model = &model;
  parts.wish = std::move(planned.wish);
  parts.prepared = std::move(planned.prepared);
  for (const auto* one : planned.tiers)
    parts.tiers.push_back(plugins.open_tier(*one, tier_extras(options)));
  if (!dummy) {
    const auto& reader = file_reader(plugins);
    plugins.use(reader);
    parts.files = plugins.open_tier(reader, tier_extras(options));
    if (!parts.prepared.resident) parts.rows = plugins.open_tier(reader, tier_extras(options));
  }
  parts.compute = compute_options(options, model, *planned.attention, planned.cuda, plugins);
  parts.compute.adapter = planned.adapter;
  parts.compute.dtype = parts.wish.dtype;
  parts.open_compute = open_compute;
  parts.open_device = [cuda = planned.cuda,
                       gpu = options.gpu](uint32_t events) -> std::unique_ptr<device::Device> {
    if (cuda) return open_cuda_device(events, gpu);
    return std::make_unique<device::CpuDevice>(events);
  };
  if (group) join(parts, group);
  parts.trace = options.timeline;
  parts.resident_bytes = memory::resident;
  return parts;
}

std::unique_ptr<run::Session> open_session(const RunOptions& options, const run::Model& model,
                                           Planned planned, bool dummy, Plugins& plugins,
                                           const LoadProgress& progress,
                                           const std::shared_ptr<run::Group>& group) {
  if (const auto words = too_much(planned.host, planned.free); !words.empty())
    throw Error("memory", words,
                "free memory, raise that limit, or lower --device-memory or --host-memory");
  return std::make_unique<run::Session>(
      session_parts(options, model, std::move(planned), dummy, plugins, group), progress);
}

}  // namespace strata::app
