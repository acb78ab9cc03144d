#include "app/plain_copy.hpp"

#include "core/error.hpp"

namespace strata::app {

void check_plain_copy(const run::Model& model) {
  for (const auto& unit : model.family->units())
    for (const auto& weight : unit.weights) {
      const auto found = model.tensors->all().find(weight.name);
      if (!weight.in_out || found == model.tensors->all().end()) continue;
      const auto& tensor = found->second;
      if (tensor.as_used && !tensor.stored.dense())
        throw Error(model.path,
                    "'" + printable(tensor.name) +
                        "' is quantized as [out,in], and plain files of this family hold [in,out]",
                    "run the model as it is, or use the one that it was quantized from");
    }
}

}  // namespace strata::app
