#include "app/finetune/save_model.hpp"

#include <cstdint>
#include <filesystem>
#include <utility>

#include "app/expand_rows.hpp"
#include "app/extra_files.hpp"
#include "app/finetune/padding_token.hpp"
#include "app/finetune/writing_rank.hpp"
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
  // A file of weights may have another dtype than the model of its configuration.
  if (!options.load_weights.empty() && !model.named_dtype().empty()) how.dtype = model.dtype();
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
