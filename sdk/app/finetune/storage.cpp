#include "app/finetune/storage.hpp"

#include <set>

#include "app/finetune/open_training.hpp"
#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::app {

strata_dtype storage_dtype(const RunOptions& run, const FinetuneOptions& options) {
  const auto& name = options.storage_dtype;
  const auto dtype = dtype_named("--storage-dtype", name);
  if (name == "float32") return dtype;
  const auto option = "--storage-dtype " + name;
  if (name != "bfloat16")
    throw UsageError(option, "weights between steps are float32 or bfloat16",
                     "leave it out, or give --storage-dtype bfloat16");
  if (options.lora.rank > 0)
    throw UsageError(option, "adapters are float32, and the frozen model is in the form it came in",
                     "leave it out");
  if (run.dtype != "auto" && run.dtype != "bfloat16")
    throw UsageError(option, "the weights that compute are " + printable(run.dtype),
                     "give --dtype bfloat16, or leave --storage-dtype out");
  return dtype;
}

std::string rounding_words(const train::TrainingPlan& plan, const train::TrainingRequest& request) {
  if (request.storage.bits == 32) return {};
  std::set<std::string> names;
  for (const auto& unit : plan.masters)
    for (const auto& weight : unit.weights)
      for (const auto& one : source::forms(weight.source))
        if (weight.is_held() && !same(one.stored.dtype(), request.storage))
          names.insert(source::form_name(one.stored));
  if (names.empty()) return {};
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return "--storage-dtype bfloat16: weights in " + all +
         " are rounded to the nearest bfloat16 when they are loaded";
}

}  // namespace strata::app
