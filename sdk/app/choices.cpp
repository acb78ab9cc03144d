#include "app/choices.hpp"

#include <algorithm>
#include <thread>

#include "app/codecs.hpp"
#include "core/error.hpp"
#include "core/plugin/calling.hpp"

namespace strata::app {
namespace {

// The bound for a workspace, in bytes, above any machine's memory.
constexpr uint64_t most_workspace = uint64_t{1} << 48;

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

}  // namespace

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

const registry::Candidate* find_file_reader(Plugins& plugins) {
  for (const auto* one : by_score(plugins))
    if (reads_files(*plugins.table<strata_offload>(*one))) return one;
  return nullptr;
}

const registry::Candidate& file_reader(Plugins& plugins) {
  if (const auto* one = find_file_reader(plugins)) return *one;
  throw UsageError("plugins", "no offload plugin reads files", "build or install one that does");
}

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

void need_results(const registry::Candidate& attention) {
  const auto& needs = attention.manifest.needs;
  if (const auto dummy = needs.find("dummy"); dummy != needs.end() && *dummy == true)
    throw UsageError("--attention", attention.manifest.name + " computes no attention",
                     "name another backend; only bench --dummy and plan take this one");
}

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

const registry::Candidate& choose_memory(const std::string& name, Plugins& plugins) {
  if (name != "auto") return plugins.registry().by_name("offload", name);
  for (const auto* one : by_score(plugins))
    if (maps(*plugins.table<strata_offload>(*one))) return *one;
  throw UsageError("plugins", "no offload plugin holds memory", "build or install one that does");
}

run::ComputeOptions compute_options(const RunOptions& options, const run::Model& model,
                                    const registry::Candidate& attention, bool cuda,
                                    Plugins& plugins) {
  run::ComputeOptions out;
  out.family = model.family.get();
  out.host = plugins.host();
  out.attention = plugins.table<strata_attention>(attention);
  out.attention_name = attention.manifest.name;
  out.codec = codecs_of(plugins);
  out.fast_products = options.products == "fast";
  if (cuda)
    out.devices = {{STRATA_CUDA, static_cast<int32_t>(options.gpu)}};
  else
    out.devices = {{STRATA_CPU, 0}};
  out.threads = threads_of(options, plugins.log());
  return out;
}

}  // namespace strata::app
