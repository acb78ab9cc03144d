#include "app/finetune/save_adapter.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>

#include "app/expand_rows.hpp"
#include "app/extra_files.hpp"
#include "app/finetune/lora.hpp"
#include "app/finetune/writing_rank.hpp"
#include "app/write_result.hpp"
#include "core/adapter/adapter.hpp"
#include "core/adapter/merge.hpp"
#include "core/adapter/save.hpp"
#include "core/source/import.hpp"
#include "core/source/unfinished.hpp"

namespace strata::app {
namespace {

void write_adapter(const train::Training& training, const LoraOptions& lora,
                   const std::string& folder) {
  const auto& plan = training.plan();
  const auto* values = training.host()[plan.product_unit].master;
  const auto numbers = [&](std::uint32_t weight) {
    const auto* piece = train::piece_of(plan.flats[plan.product_unit], weight);
    return std::span<const float>(values + piece->first, static_cast<std::size_t>(piece->count));
  };
  std::vector<adapter::Trained> all;
  for (const auto& one : plan.products.all)
    all.push_back(
        {.module = one.module, .rank = one.rank, .a = numbers(one.a), .b = numbers(one.b)});
  adapter::save(folder,
                {.base = training.model().path,
                 .rank = lora.rank,
                 .alpha = lora_alpha(lora),
                 .rslora = lora.rslora,
                 .dropout = lora.dropout},
                all);
}

// An adapter's folder in the output, while the model is merged with it.
struct Temporary {
  explicit Temporary(const std::string& output)
      : path(source::temporary_name((std::filesystem::path(output) / merged_adapter).string())),
        unfinished(path) {}
  ~Temporary() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  std::string path;
  source::Unfinished unfinished;
};

void write_merged(const train::Training& training, const LoraOptions& lora, Plugins& plugins,
                  const std::string& adapter_folder, const std::string& folder,
                  const std::function<void()>& progress) {
  const auto& model = training.model();
  write_adapter(training, lora, adapter_folder);
  const auto adapter = std::make_shared<adapter::Adapter>(
      adapter::Adapter::open(adapter_folder, model.family->units(), model.tied()));
  source::ImportOptions how;
  if (progress) how.progress = [&](std::uint64_t, std::uint64_t) { progress(); };
  how.expand = expand_rows(plugins);
  how.extra = extra_files(*model.checkpoint, plugins.log());
  adapter::merge(adapter, {*model.checkpoint, *model.tensors, model.family->units(), model.tied()},
                 how);
  source::import_checkpoint(*model.checkpoint, folder, how);
}

// `progress` is called while a whole model is written.
void write_all(const train::Training& training, const FinetuneOptions& options, Plugins& plugins,
               const std::function<void()>& progress = {}) {
  const auto& lora = options.lora;
  if (!lora.merge) {
    write_result(options.output, "adapter_config.json",
                 [&](const std::string& folder) { write_adapter(training, lora, folder); });
    return;
  }
  const Temporary temporary(options.output);
  write_result(options.output, "config.json", [&](const std::string& folder) {
    write_merged(training, lora, plugins, temporary.path, folder, progress);
  });
}

}  // namespace

void save_adapter(train::Training& training, const FinetuneOptions& options, Plugins& plugins,
                  run::Group* group) {
  training.finish();
  if (!group || group->ranks().ranks == 1) return write_all(training, options, plugins);
  // Every rank has all of the adapters, so that nothing is gathered.
  if (group->ranks().rank > 0) return follow_writing(*group, {});
  WritingRank own(*group, {});
  write_all(training, options, plugins, [&] { own.still_writing(); });
  own.end();
}

}  // namespace strata::app
