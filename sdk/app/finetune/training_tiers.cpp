#include "app/finetune/training_tiers.hpp"

#include "app/choices.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

bool is_file_tier(const registry::Candidate& tier, Plugins& plugins) {
  return !maps(*plugins.table<strata_offload>(tier));
}

// Whether the host updates the weights that compute where they lie, and so needs them in memory.
bool are_updated_in_place(const FinetuneOptions& options) {
  return options.storage_dtype != "float32";
}

void check(const TrainingTiers& tiers, const FinetuneOptions& options, bool movable) {
  for (const auto* one : {tiers.weights, tiers.states})
    if (one->manifest.only_by_name)
      throw UsageError(one == tiers.weights ? "--offload" : "--offload-optimizer",
                       one->manifest.name + " keeps no bytes", "name another tier");
  if (tiers.weights_in_files && are_updated_in_place(options))
    throw UsageError("--offload",
                     tiers.weights->manifest.name +
                         " maps no memory, and weights of "
                         "--storage-dtype " +
                         options.storage_dtype + " must be in memory",
                     "name a tier in host memory");
  if (!tiers.states_in_files || movable) return;
  const auto whose = options.lora.rank > 0 ? "adapters" : options.optimizer;
  throw UsageError("--offload-optimizer",
                   tiers.states->manifest.name + " maps no memory, and the states of " + whose +
                       " must be in memory",
                   "name a tier in host memory");
}

}  // namespace

std::vector<TrainingTiers> training_tiers(const RunOptions& run, const FinetuneOptions& options,
                                          train::Rule rule, Plugins& plugins) {
  const bool movable = rule == train::Rule::adam && options.lora.rank == 0;  // states, to files
  const auto made = [&](const registry::Candidate& weights, const registry::Candidate* states) {
    TrainingTiers out{.weights = &weights, .states = states};
    out.weights_in_files = is_file_tier(weights, plugins);
    if (!states) {
      // States that are not on the device lie beside the weights.
      const auto name =
          options.offload_optimizer == "device" ? std::string("auto") : options.offload_optimizer;
      const bool beside = name == "auto" && (movable || !out.weights_in_files);
      out.states = beside ? &weights : &choose_memory(name, plugins);
    }
    out.states_in_files = is_file_tier(*out.states, plugins);
    return out;
  };
  std::vector<TrainingTiers> out{made(choose_memory(run.offload, plugins), nullptr)};
  check(out.front(), options, movable);
  // Weights and states without room go to disk where the user named a folder.
  const bool for_weights = !run.offload_dirs.empty(),
             for_states = for_weights || !options.offload_optimizer_dirs.empty();
  if (!run.host_memory || !for_states) return out;
  const auto* files = find_file_reader(plugins);
  if (!files || !is_file_tier(*files, plugins)) return out;
  const auto first = out.front();
  if (movable && options.offload_optimizer == "auto" && !first.states_in_files)
    out.push_back(made(*first.weights, files));
  if (run.offload == "auto" && for_weights && !are_updated_in_place(options))
    out.push_back(made(*files, nullptr));
  return out;
}

}  // namespace strata::app
