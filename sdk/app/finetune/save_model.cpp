#include "app/finetune/save_model.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "app/expand_rows.hpp"
#include "app/extra_files.hpp"
#include "app/finetune/padding_token.hpp"
#include "app/open_tokenizer.hpp"
#include "core/error.hpp"
#include "core/optim/cast.hpp"
#include "core/source/import.hpp"
#include "core/source/output.hpp"
#include "core/train/export.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

// The master weights of each unit: those in files are read, and those in bfloat16 widened, when
// they are asked for, and one unit's are in memory at a time.
class Masters {
 public:
  Masters(const train::HostUnits& host, const train::TrainingPlan& plan)
      : host_(host), plan_(plan) {}

  const float* of(std::uint32_t unit) {
    if (const auto* memory = host_.memory(unit, train::AdamState::master)) return memory;
    if (unit_ != unit) {
      unit_ = train::no_unit;
      values_.resize(host_[unit].elements);
      if (host_[unit].bf16)
        widen(unit);
      else
        host_.masters(unit, [&](const train::Bucket& bucket) {
          std::copy_n(bucket.master, bucket.count,
                      values_.begin() + static_cast<std::ptrdiff_t>(bucket.first));
        });
      unit_ = unit;
    }
    return values_.data();
  }

 private:
  // Weights that are held in bfloat16 alone.
  void widen(std::uint32_t unit) {
    for (const auto& piece : plan_.flats[unit].pieces) {
      const auto& run = plan_.units[unit].weights[piece.weight].run;
      optim::cast(optim::f32, values_.data() + piece.first, run.dtype(),
                  host_[unit].weights + run.at, 0, piece.count);
    }
  }

  const train::HostUnits& host_;
  const train::TrainingPlan& plan_;
  std::uint32_t unit_ = train::no_unit;
  std::vector<float> values_;
};

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

void save_model(train::Training& training, const FinetuneOptions& options, Plugins& plugins) {
  training.finish();
  const auto& model = training.model();
  Masters masters(training.host(), training.plan());
  const train::Export weights(model, training.plan(),
                              [&](std::uint32_t unit) { return masters.of(unit); });
  source::ImportOptions how;
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

}  // namespace strata::app
