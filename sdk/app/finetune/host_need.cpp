#include "app/finetune/host_need.hpp"

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/pages.hpp"
#include "core/size_text.hpp"

namespace strata::app {

HostNeed host_need(const train::TrainingPlan& plan, const train::TrainingRequest& request) {
  HostNeed out{.weights = plan.weight_bytes,
               .states = plan.state_bytes,
               .gradients = plan.gradient_bytes,
               .inputs = plan.stored_inputs};
  out.wide_gradients = request.micro_batches == 1 && element_bytes(request.reduce) > 2;
  out.movable_states =
      !request.states_in_files && request.rule == train::Rule::adam && !plan.is_frozen();
  out.movable_weights = !request.weights_in_files && request.storage.bits == 32;
  out.host_memory = out.gradients + out.inputs;
  if (!request.states_in_files) out.host_memory += out.states;
  if (!request.weights_in_files) out.host_memory += out.weights;
  // These are in host memory in any case.
  if (request.weights_in_files)
    for (const auto unit : {plan.table_unit, plan.product_unit})
      if (unit < plan.units.size())
        out.host_memory += pages(zero::held_bytes(plan.units[unit], plan.placement[unit]));
  return out;
}

void need_host_memory(std::optional<std::uint64_t> limit, const HostNeed& need,
                      const std::string& model) {
  if (!limit || need.host_memory <= *limit) return;
  std::string remedy = "give at least " + std::to_string(need.host_memory) + " (" +
                       size_text(need.host_memory) + ")";
  if (need.movable_states || need.movable_weights)
    remedy += ", or name a folder with --offload-dir for what has no room";
  if (need.wide_gradients) remedy += ", or give --reduce-dtype bfloat16";
  throw Error("--host-memory",
              size_text(*limit) + " are too few to train " + model + ": weights take " +
                  size_text(need.weights) + ", states of the optimizer " + size_text(need.states) +
                  ", gradients " + size_text(need.gradients) +
                  (need.inputs > 0 ? ", kept inputs " + size_text(need.inputs) : ""),
              remedy);
}

}  // namespace strata::app
