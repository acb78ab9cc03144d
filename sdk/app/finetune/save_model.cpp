#include "app/finetune/save_model.hpp"

#include <filesystem>

#include "app/extra_files.hpp"
#include "app/finetune/padding_token.hpp"
#include "app/open_tokenizer.hpp"
#include "core/error.hpp"
#include "core/source/import.hpp"
#include "core/source/output.hpp"
#include "core/train/export.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

// Moves the files of a whole model into the output, the configuration last: without it a folder
// is no model.
void move_model(const fs::path& from, const fs::path& output) {
  const auto config = output / "config.json";
  fs::remove(config);
  source::sync_folder(output.string());
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    const auto to = output / entry.path().lexically_relative(from);
    if (entry.is_directory())
      fs::create_directories(to);
    else if (to != config)
      fs::rename(entry.path(), to);
  }
  source::sync_folder(output.string());
  fs::rename(from / "config.json", config);
  source::sync_folder(output.string());
  fs::remove_all(from);
}

}  // namespace

void save_model(train::Training& training, const FinetuneOptions& options, const Plugins& plugins) {
  training.finish();
  const auto& model = training.model();
  std::vector<const float*> masters;
  for (std::size_t u = 0; u < training.host().size(); ++u)
    masters.push_back(training.host()[u].master);
  const train::Export weights(model, training.plan(), std::move(masters));
  source::ImportOptions how;
  how.extra = extra_files(*model.checkpoint, plugins.log());
  if (options.resize_embeddings > 0)
    if (const auto padding =
            added_padding(model, open_tokenizer(*model.checkpoint, Log()), plugins))
      add_padding(*padding, how.extra);
  how.replaced = [&](const source::Tensor& tensor) { return weights.of(tensor); };
  const fs::path output(options.output);
  if (!fs::exists(output) || fs::is_empty(output))
    return source::import_checkpoint(*model.checkpoint, options.output, how);
  try {
    const auto whole = output / written_model;
    fs::remove_all(whole);
    source::import_checkpoint(*model.checkpoint, whole.string(), how);
    move_model(whole, output);
  } catch (const fs::filesystem_error& error) {
    throw Error(printable(options.output), error.code().message(), "check the folder");
  }
}

}  // namespace strata::app
