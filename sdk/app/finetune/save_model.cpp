#include "app/finetune/save_model.hpp"

#include <cstdint>
#include <utility>

#include "app/expand_rows.hpp"
#include "app/extra_files.hpp"
#include "app/finetune/padding_token.hpp"
#include "app/finetune/writing_rank.hpp"
#include "app/open_tokenizer.hpp"
#include "app/write_result.hpp"
#include "core/source/import.hpp"
#include "core/train/export.hpp"

namespace strata::app {
namespace {

// `progress` is called while it writes.
void write_model(const train::Training& training, const FinetuneOptions& options, Plugins& plugins,
                 train::Export::Values values, const std::function<void()>& progress = {}) {
  const auto& model = training.model();
  const train::Export weights(model, training.plan(), std::move(values));
  source::ImportOptions how;
  if (progress) how.progress = [&](std::uint64_t, std::uint64_t) { progress(); };
  how.extra = extra_files(*model.checkpoint, plugins.log());
  how.expand = expand_rows(plugins);
  how.dtype = written_dtype(options, model);
  if (options.resize_embeddings > 0)
    if (const auto padding =
            added_padding(model, open_tokenizer(*model.checkpoint, Log()), plugins))
      add_padding(*padding, how.extra);
  how.replaced = [&](const source::Tensor& tensor) { return weights.of(tensor); };
  write_result(options.output, "config.json", [&](const std::string& folder) {
    source::import_checkpoint(*model.checkpoint, folder, how);
  });
}

}  // namespace

std::optional<strata_dtype> written_dtype(const FinetuneOptions& options, const run::Model& model) {
  if (options.load_weights.empty() || model.named_dtype().empty()) return {};
  return model.dtype();
}

void save_model(train::Training& training, const FinetuneOptions& options, Plugins& plugins,
                run::Group* group) {
  training.finish();
  const auto gather = [&](std::uint32_t unit) { return training.whole_masters(unit); };
  if (!group || group->ranks().ranks == 1)
    return write_model(training, options, plugins,
                       [&](std::uint32_t unit) { return gather(unit).data(); });
  if (group->ranks().rank > 0) return follow_writing(*group, gather);
  WritingRank own(*group, gather);
  write_model(
      training, options, plugins, [&](std::uint32_t unit) { return own.values(unit); },
      [&] { own.still_writing(); });
  own.end();
}

}  // namespace strata::app
