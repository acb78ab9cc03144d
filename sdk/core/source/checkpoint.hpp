// A model's files, whatever their format: which tensors there are, where they lie, and config.json.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/source/file.hpp"
#include "core/source/gguf_mapping.hpp"
#include "core/source/tensor.hpp"
#include "core/text/gguf_vocabulary.hpp"

namespace strata::source {

enum class Kind { folder, file, gguf };  // file: .safetensors or .bin

// Whether it ends as a checkpoint's file does: .safetensors, .bin, .pt, .pth or .gguf.
bool ends_as_checkpoint(std::string_view path);

// Opened from a Hugging Face folder (model.safetensors or pytorch_model.bin, the first where both
// are there, or their .index.json with its shards), a .safetensors or .bin file beside its
// config.json, a .gguf file, any part of a split one, or a folder with no weights but one GGUF
// model. Reads headers, pickles, config.json and a GGUF file's rope factors;
// never a weight. Unchanging, so any thread may read it.
class Checkpoint {
 public:
  // What its reader may want to know: a line for the log at this level (STRATA_WARN, STRATA_INFO).
  struct Remark {
    std::int32_t level;
    std::string words;
  };

  // `mappings` give a GGUF file's names and configuration; other kinds do not look at them. Throws
  // Error naming the file, and the tensor or key, for whatever does not hold together.
  static Checkpoint open(const std::string& path, const GgufMappings& mappings = {});

  Kind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  std::string folder() const;  // where config.json and tokenizer files lie
  const std::vector<std::shared_ptr<const File>>& files() const { return files_; }

  // By the checkpoint's names (Hugging Face's for GGUF; the file's own where the mapping has none),
  // file by file, in the order of their bytes; those of two tensors (block_pairs.hpp) behind them.
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const Tensor* find(std::string_view name) const;  // null: not there

  // config.json's bytes: as they are, or as made from GGUF metadata; and how errors name it.
  const std::string& config() const { return config_; }
  const std::string& config_name() const { return config_name_; }
  const std::optional<text::GgufVocabulary>& vocabulary() const { return vocabulary_; }  // GGUF
  const std::vector<Remark>& remarks() const { return remarks_; }

  // The tensor's bytes from `from`, as many as fit `into`; Error if it has not as many.
  void read(const Tensor& tensor, std::uint64_t from, std::span<std::byte> into) const;

 private:
  Checkpoint(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  static Checkpoint open_folder(const std::string& path, const GgufMappings& mappings);
  static Checkpoint open_gguf(const std::string& path, const GgufMappings& mappings);
  void read_config(const std::string& folder);
  void add_shards(const std::string& index);
  void add_shard(const std::string& path);
  void add(Tensor tensor);
  void finish();

  Kind kind_;
  std::string path_, config_, config_name_;
  std::vector<std::shared_ptr<const File>> files_;
  std::vector<Tensor> tensors_;
  std::vector<std::string> twice_;  // names that an earlier shard has as well
  std::vector<Remark> remarks_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::optional<text::GgufVocabulary> vocabulary_;
};

}  // namespace strata::source
