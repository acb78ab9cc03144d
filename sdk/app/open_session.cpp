#include "app/open_session.hpp"

#include <algorithm>
#include <map>
#include <thread>

#include "app/compute_library.hpp"
#include "app/expansion.hpp"
#include "app/machine.hpp"
#include "app/open_adapter.hpp"
#include "core/device/cpu_device.hpp"
#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/codec.hpp"

namespace strata::app {
namespace {

bool choose_cuda(const RunOptions& options, const CudaMemory& cuda) {
  if (options.device == "cuda" && !cuda.there)
    throw Error("--device cuda", "no CUDA device answers",
                "use --device cpu, or install the GPU's driver");
  return options.device == "cuda" || (options.device == "auto" && cuda.there);
}

bool reads_files(const strata_offload& table) { return table.region_bind != nullptr; }
bool maps(const strata_offload& table) {
  return STRATA_HAS(strata_offload, &table, map) && table.region_new;
}

// The usable offload plugins, best first.
std::vector<const registry::Candidate*> by_score(Plugins& plugins) {
  std::vector<std::pair<int, const registry::Candidate*>> scored;
  for (const auto* one : plugins.registry().of_kind("offload")) {
    try {
      if (const int points = plugins.score_tier(*one); points > 0)
        scored.emplace_back(-points, one);
    } catch (const UsageError&) {
      throw;  // a fault in the user's own table
    } catch (const std::exception& e) {
      plugins.log().line(STRATA_INFO,
                         std::string(one->manifest.name) + " cannot be used: " + e.what());
    }
  }
  std::ranges::stable_sort(scored, {}, [](const auto& s) { return s.first; });
  std::vector<const registry::Candidate*> out;
  for (const auto& [points, one] : scored) out.push_back(one);
  return out;
}

// For "auto": the best tier that maps its memory, then the best one that reads files in place.
std::vector<const registry::Candidate*> choose_tiers(const RunOptions& options, Plugins& plugins) {
  if (options.offload == "device") return {};
  if (options.offload != "auto") return {&plugins.registry().by_name("offload", options.offload)};
  std::vector<const registry::Candidate*> out;
  for (const auto wanted : {maps, reads_files})
    for (const auto* one : by_score(plugins))
      if (wanted(*plugins.table<strata_offload>(*one)) &&
          std::ranges::find(out, one) == out.end()) {
        out.push_back(one);
        break;
      }
  return out;
}

const registry::Candidate& file_reader(Plugins& plugins) {
  for (const auto* one : by_score(plugins))
    if (reads_files(*plugins.table<strata_offload>(*one))) return *one;
  throw UsageError("plugins", "no offload plugin reads files", "build or install one that does");
}

// The attention requests of all units of the family.
std::vector<strata_attention_request> attention_requests(const run::Model& model,
                                                         strata_dtype dtype, bool cuda) {
  std::vector<strata_attention_request> out;
  const dry_run::Request pass{
      .dtype = dtype,
      .device = {cuda ? STRATA_CUDA : STRATA_CPU, 0},
      .attention_bytes = [&out](const strata_attention_request& request, const auto&) -> uint64_t {
        out.push_back(request);
        return 0;
      }};
  for (uint32_t unit = 0; unit < model.family->units().size(); ++unit)
    dry_run::measure(*model.family, unit, pass);
  return out;
}

// The backend that serves all requests; the best is the one whose lowest score is highest.
const registry::Candidate& choose_attention(const RunOptions& options, Plugins& plugins,
                                            const std::vector<strata_attention_request>& requests) {
  if (options.attention != "auto")
    return plugins.registry().by_name("attention", options.attention);
  const registry::Candidate* best = nullptr;
  int most = 0;
  for (const auto* one : plugins.registry().of_kind("attention")) {
    try {
      const auto& table = *plugins.table<strata_attention>(*one);
      const auto id = one->id();
      int points = 100;
      for (const auto& request : requests)
        points =
            std::min(points, plugin::called(id, "score", [&] { return table.score(&request); }));
      if (points > most) std::tie(best, most) = std::pair{one, points};
    } catch (const std::exception& e) {  // a faulty plugin must not hide the others
      plugins.log().line(STRATA_INFO, one->manifest.name + " cannot be used: " + e.what());
    }
  }
  if (!best)
    throw UsageError("plugins", "no attention plugin serves this model",
                     "name one with --attention");
  return *best;
}

// The bound for a workspace, in bytes, above any machine's memory.
constexpr uint64_t most_workspace = uint64_t{1} << 48;

// The bytes of workspace that the backend's instances for a model's layers report.
dry_run::AttentionBytes bytes_of(const strata_attention& table, const std::string& name,
                                 const strata_host* host) {
  return [&table, who = "attention/" + name, host](const strata_attention_request& request,
                                                   const dry_run::AttentionBounds& bounds) {
    strata_self* self = nullptr;
    uint64_t bytes = 0;
    plugin::succeeds(who, "create", [&] { return table.create(host, &request, &self); });
    if (!self) throw Error(who, "create gave no instance", "choose another attention backend");
    const auto free = [&](strata_self* made) {
      plugin::freed(who, "destroy", [&] { table.destroy(made); });
    };
    const std::unique_ptr<strata_self, decltype(free)> instance(self, free);
    plugin::succeeds(who, "workspace", [&] {
      return table.workspace(self, bounds.tokens, bounds.sequences, bounds.max_keys, &bytes);
    });
    if (bytes > most_workspace)
      throw Error(who, "its workspace is " + std::to_string(bytes) + " bytes",
                  "choose another attention backend");
    return bytes;
  };
}

// The number of threads, bounded: many more threads than cores would wait for each other.
int threads_of(const RunOptions& options, const Log& log) {
  const auto cores = std::max<int64_t>(std::thread::hardware_concurrency(), 1);
  if (options.threads <= 4 * cores) return static_cast<int>(options.threads);
  log.line(STRATA_WARN, "--threads " + std::to_string(options.threads) + ": this process has " +
                            std::to_string(cores) + " cores, so that many are used");
  return static_cast<int>(cores);
}

nlohmann::json tier_extras(const RunOptions& options) {
  if (options.offload_dirs.empty()) return nlohmann::json::object();
  if (options.offload_dirs.size() > 1)
    throw UsageError("--offload-dir",
                     std::to_string(options.offload_dirs.size()) +
                         " folders: spreading bytes over several does not exist yet",
                     "give one");
  return {{"dir", options.offload_dirs.front()}};
}

}  // namespace

strata_dtype choose_dtype(const RunOptions& options, const run::Model& model, bool cuda) {
  if (options.dtype == "float32") return {STRATA_FLOAT, 32, 1};
  if (options.dtype == "bfloat16") return {STRATA_BFLOAT, 16, 1};
  if (options.dtype == "float16") return {STRATA_FLOAT, 16, 1};
  if (!cuda) return {STRATA_FLOAT, 32, 1};
  const bool blocks =
      model.checkpoint && std::ranges::any_of(model.checkpoint->tensors(), source::in_blocks);
  return blocks ? strata_dtype{STRATA_BFLOAT, 16, 1} : model.dtype();
}

Planned plan_run(const RunOptions& options, const run::Model& model, const Capacity& capacity,
                 Plugins& plugins) {
  Planned out;
  const auto cuda = options.device == "cpu" ? CudaMemory{} : cuda_memory();
  out.cuda = choose_cuda(options, cuda);
  out.tiers = choose_tiers(options, plugins);
  auto& wish = out.wish;
  wish.dtype = choose_dtype(options, model, out.cuda);
  if (const auto words = expansion_words(model, wish.dtype); !words.empty())
    plugins.log().line(STRATA_INFO, model.path + ": " + words);
  wish.separate_device = out.cuda;
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
    const bool in_place = reads_files(table) && model.checkpoint;
    wish.tiers.push_back({.name = one->manifest.name, .in_place = in_place});
    wish.reads.push_back(in_place || !maps(table));
    plugins.use(*one);
  }
  out.attention =
      &choose_attention(options, plugins, attention_requests(model, wish.dtype, out.cuda));
  plugins.use(*out.attention);
  wish.attention_bytes = bytes_of(*plugins.table<strata_attention>(*out.attention),
                                  out.attention->manifest.name, plugins.host());
  out.free = available_memory();
  out.prepared =
      prepare_in_memory(model, wish,
                        {.device = options.device_memory,
                         .host = options.host_memory,
                         .tier_named = options.offload != "auto" && options.offload != "device",
                         .separate_device = cuda.total},
                        out.free);
  out.host = host_share(out.prepared, wish);
  return out;
}

run::SessionParts session_parts(const RunOptions& options, const run::Model& model, Planned planned,
                                bool dummy, Plugins& plugins) {
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
  parts.compute.family = model.family.get();
  parts.compute.host = plugins.host();
  parts.compute.attention = plugins.table<strata_attention>(*planned.attention);
  parts.compute.attention_name = planned.attention->manifest.name;
  const auto codecs = std::make_shared<std::map<std::string, std::unique_ptr<plugin::Codec>>>();
  parts.compute.codec = [codecs, &plugins](const std::string& scheme) {
    auto& codec = (*codecs)[scheme];
    if (!codec) {
      const auto& candidate = plugins.registry().by_key("quant", scheme, "scheme");
      plugins.use(candidate);
      codec = std::make_unique<plugin::Codec>(plugins.table<strata_quant>(candidate),
                                              candidate.manifest.name, plugins.host(), scheme);
    }
    return run::Codec{codec->table(), codec->self(), codec->who()};
  };
  parts.compute.adapter = planned.adapter;
  parts.compute.dtype = parts.wish.dtype;
  parts.compute.devices = {{planned.cuda ? STRATA_CUDA : STRATA_CPU, 0}};
  parts.compute.threads = threads_of(options, plugins.log());
  parts.open_compute = open_compute;
  parts.open_device = [cuda = planned.cuda](uint32_t events) -> std::unique_ptr<device::Device> {
    if (cuda) return open_cuda_device(events);
    return std::make_unique<device::CpuDevice>(events);
  };
  parts.trace = options.timeline;
  parts.resident_bytes = memory::resident;
  return parts;
}

std::unique_ptr<run::Session> open_session(const RunOptions& options, const run::Model& model,
                                           Planned planned, bool dummy, Plugins& plugins,
                                           const LoadProgress& progress) {
  if (const auto words = too_much(planned.host, planned.free); !words.empty())
    throw Error("memory", words,
                "free memory, raise that limit, or lower --device-memory or --host-memory");
  return std::make_unique<run::Session>(
      session_parts(options, model, std::move(planned), dummy, plugins), progress);
}

}  // namespace strata::app
