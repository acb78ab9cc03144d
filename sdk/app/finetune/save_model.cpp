#include "app/finetune/save_model.hpp"

#include "app/extra_files.hpp"
#include "core/source/import.hpp"
#include "core/train/export.hpp"

namespace strata::app {

void save_model(train::Training& training, const FinetuneOptions& options, const Plugins& plugins) {
  training.finish();
  const auto& model = training.model();
  std::vector<const float*> masters;
  for (std::size_t u = 0; u < training.host().size(); ++u)
    masters.push_back(training.host()[u].master);
  const train::Export weights(model, training.plan(), std::move(masters));
  source::ImportOptions import;
  import.extra = extra_files(*model.checkpoint, plugins.log());
  import.replaced = [&](const source::Tensor& tensor) { return weights.of(tensor);
};
source::import_checkpoint(*model.checkpoint, options.output, import);
}  // namespace strata::app

}  // namespace strata::app
