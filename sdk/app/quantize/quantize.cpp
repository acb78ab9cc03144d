#include "app/quantize/quantize.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "app/codecs.hpp"
#include "app/quantize/cache.hpp"
#include "app/quantize/digest.hpp"
#include "app/quantize/pack_weights.hpp"
#include "app/quantize/scheme_text.hpp"
#include "core/error.hpp"
#include "core/plugin/packed_memory.hpp"
#include "core/size_text.hpp"
#include "core/source/dtype.hpp"
#include "core/source/output.hpp"
#include "core/source/packed_file.hpp"

namespace strata::app {
namespace {

std::uint64_t bytes_of(const source::Checkpoint& checkpoint) {
  std::uint64_t sum = 0;
  for (const auto& tensor : checkpoint.tensors()) sum += tensor.stored.bytes;
  return sum;
}

std::uint32_t threads_of(const QuantOptions& options) {
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  return options.threads > 0 ? static_cast<std::uint32_t>(options.threads) : cores;
}

// Packs a row of zeros, where the codec has such rows: some codecs only unpack.
void try_packing(const plugin::Codec& codec) {
  constexpr std::size_t columns = 256;
  const shape::Value row{source::f32, {1, columns}};
  try {
    codec.layout(row);
  } catch (const Error&) {  // it wants other shapes
    return;
  }
  std::vector<float> zeros(columns);
  plugin::packed_memory(codec, row, zeros.data());
}

class Quantization {
 public:
  Quantization(run::Model& model, const QuantOptions& options, Plugins& plugins,
               const std::function<void()>& find_weights, const LoadProgress& progress)
      : model_(model), options_(options), plugins_(plugins), find_weights_(find_weights),
        progress_(progress), rules_(options), codec_(codecs_of(plugins)) {
    // Unknown names and options are refused before anything is read.
    for (const auto& scheme : rules_.schemes()) {
      const auto read = read_scheme(scheme);
      const auto* option = read.key == options.scheme.name ? "--quant" : "--quant-rule";
      plugins.registry().by_key("quant", read.key, option);
      try {
        try_packing(codec_(scheme));
      } catch (const Error& error) {
        throw UsageError(option, "'" + printable(read.key) + "' packs no weights: " + error.what(),
                         "give another key that `strata plugins list` lists, or other options");
      }
    }
    const auto text = read_scheme(rules_.schemes().front());
    about_.scheme = options.scheme.name;
    about_.rules = rules_.text();
    about_.options = text.key == options.scheme.name && !text.options.is_null()
                         ? text.options.dump()
                         : std::string("{}");
  }

  void plan() {
    if (model_.checkpoint) find_weights_();
    const auto packing = plan_packing(model_, rules_, codec_);
    say_refused(packing);
    about_.bytes_before = model_.stored_bytes();
    note_dtype();
    if (!model_.checkpoint)
      model_.checkpoint =
          source::Checkpoint::of_config(model_.path, model_.config->raw(), model_.config->name());
    finish(model_.checkpoint->with_planned(packing.tensors()), "planned");
  }

  void run() {
    if (!model_.checkpoint)
      throw UsageError("--quant", model_.path + " has no weights", "give a checkpoint");
    about_.bytes_before = bytes_of(*model_.checkpoint);
    note_dtype();
    const auto digest = quant_digest(model_, rules_, plugins_);
    QuantCache cache(options_.cache, *model_.checkpoint, digest);
    if (auto found = opened(cache, digest)) return finish(std::move(*found), "found");
    const auto begin = std::chrono::steady_clock::now();
    find_weights_();
    content_.made_from = digest;
    packing_ = plan_packing(model_, rules_, codec_);
    say_refused(packing_);
    auto made = cache.off() ? make_unnamed(cache) : make(cache, digest);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    about_.seconds = taken.count();
    const bool found = about_.cache == "found";  // another process was faster
    finish(std::move(made), cache.off() ? "off" : found ? "found" : "made");
    if (!found) say_made();
  }

 private:
  // The kept file as a checkpoint; nothing where there is none, or none that is whole.
  std::optional<source::Checkpoint> opened(const QuantCache& cache, const std::string& digest) {
    try {
      auto file = cache.find();
      if (!file) return std::nullopt;
      about_.path = file->path();
      if (source::read_packed_file(*file, 0).made_from != digest)
        throw Error(file->path(), "it was made from something else", "it is made again");
      auto out = model_.checkpoint->with_packed(std::move(file));
      check(out);
      check_weights(out);
      return out;
    } catch (const Error& error) {
      plugins_.log().line(STRATA_WARN,
                          std::string("quantized weights are made again: ") + error.what());
      cache.drop();
      return std::nullopt;
    }
  }

  void check(const source::Checkpoint& checkpoint) const {
    for (const auto& tensor : checkpoint.tensors())
      if (!tensor.stored.dense()) check_parts(tensor, codec_(tensor.stored.scheme));
  }

  // Throws unless it has all weights of the model.
  void check_weights(const source::Checkpoint& checkpoint) const {
    auto model = model_;
    model.checkpoint = checkpoint;
    model.resolve();
  }

  source::Checkpoint make(QuantCache& cache, const std::string& digest) {
    const auto path = cache.path_to_write();
    const FolderLock lock(path.substr(0, path.rfind('/')));
    if (auto found = opened(cache, digest)) {
      about_.cache = "found";
      return std::move(*found);
    }
    cache.tidy();
    {
      source::AtomicFile file(path);
      write([&](std::uint64_t at, std::span<const std::byte> bytes) { file.write(at, bytes); });
      file.appear();
    }
    auto out = opened(cache, digest);
    if (!out) throw Error(path, "the quantized weights are gone", "give --quant-cache off");
    return std::move(*out);
  }

  source::Checkpoint make_unnamed(const QuantCache& cache) {
    source::UnnamedFile file(cache.folder_of_unnamed());
    write([&](std::uint64_t at, std::span<const std::byte> bytes) { file.write(at, bytes); });
    auto out = model_.checkpoint->with_packed(source::File::unnamed(file.release()));
    check(out);
    return out;
  }

  void write(const WriteAt& write_at) {
    content_.tensors = packing_.tensors();
    const auto header = source::packed_header(content_);
    for (std::size_t i = 0; i < packing_.weights.size(); ++i)
      packing_.weights[i].to = content_.tensors[i];
    write_at(0, std::as_bytes(std::span(header)));
    pack_weights(packing_, *model_.checkpoint, threads_of(options_), write_at, progress_);
  }

  // The weights of a packed file tell no more in which dtype the checkpoint's were.
  void note_dtype() {
    if (model_.named_dtype().empty()) about_.dtype = model_.dtype();
  }

  void finish(source::Checkpoint checkpoint, const char* cache) {
    about_.cache = cache;
    for (const auto& tensor : checkpoint.tensors()) {
      about_.bytes += tensor.stored.bytes;
      about_.packed += tensor.stored.dense() ? 0 : 1;
    }
    model_.tensors.reset();
    model_.checkpoint = std::move(checkpoint);
    model_.quantized = about_;
  }

  void say_refused(const Packing& packing) const {
    if (packing.refused == 0) return;
    const bool one = packing.refused == 1;
    plugins_.log().line(STRATA_WARN, model_.path + ": " + std::to_string(packing.refused) +
                                         (one ? " weight stays" : " weights stay") +
                                         " as stored, by their shapes: " + packing.refusal);
  }

  void say_made() const {
    plugins_.log().line(
        STRATA_INFO, model_.path + ": " + std::to_string(about_.packed) +
                         " weights are quantized: " + size_text(about_.bytes_before) + " became " +
                         size_text(about_.bytes) +
                         (about_.path.empty() ? "" : ", kept in " + about_.path));
  }

  run::Model& model_;
  const QuantOptions& options_;
  Plugins& plugins_;
  const std::function<void()>& find_weights_;
  const LoadProgress& progress_;
  QuantRules rules_;
  run::FindCodec codec_;
  Packing packing_;
  source::PackedFile content_;
  run::Quantized about_;
};

}  // namespace

void quantize(run::Model& model, const QuantOptions& options, Plugins& plugins, bool planned,
              const std::function<void()>& find_weights, const LoadProgress& progress) {
  if (!QuantRules(options).any()) return;
  Quantization work(model, options, plugins, find_weights, progress);
  if (planned)
    work.plan();
  else
    work.run();
}

}  // namespace strata::app
