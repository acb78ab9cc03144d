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

// Moves the files of a whole result into the output.
void move_result(const fs::path& from, const fs::path& output, const char* last) {
  const auto config = output / last;
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
  fs::rename(from / last, config);
  source::sync_folder(output.string());
  fs::remove_all(from);
}

}  // namespace

void write_result(const std::string& to, const char* last,
                  const std::function<void(const std::string&)>& write) {
  const fs::path output(to);
  if (!fs::exists(output) || fs::is_empty(output)) return write(to);
  try {
    const auto whole = output / written_model;
    fs::remove_all(whole);
    write(whole.string());
    move_result(whole, output, last);
  } catch (const fs::filesystem_error& error) {
    throw Error(printable(to), error.code().message(), "check the folder");
  }
}

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
  write_result(options.output, "config.json", [&](const std::string& folder) {
    source::import_checkpoint(*model.checkpoint, folder, how);
  });
}

}  // namespace strata::app
