// A checkpoint of any format: its tensors, their places in the files, and config.json.
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
#include "core/source/gguf_vocabulary.hpp"
#include "core/source/made_tensor.hpp"
#include "core/source/packed_weights.hpp"
#include "core/source/tensor.hpp"

namespace strata::source {

enum class Kind { folder, file, gguf };  // file: .safetensors or .bin

// Whether the path has a checkpoint file's ending: .safetensors, .bin, .pt, .pth or .gguf.
bool ends_as_checkpoint(std::string_view path);

// A checkpoint is opened from a Hugging Face folder (model.safetensors or pytorch_model.bin, the
// first where both are there, or their .index.json with its shards), a .safetensors or .bin file
// beside its config.json, a .gguf file, any part of a split one, or a folder whose only weights are
// one GGUF model. Opening reads headers, pickles, config.json and a GGUF file's rope factors, never
// a weight. Immutable, so any thread may read it.
class Checkpoint {
 public:
  // A remark for people: a line for the log at this level (STRATA_WARN, STRATA_INFO).
  struct Remark {
    std::int32_t level;
    std::string words;
  };

  // `mappings` give a GGUF file's names and configuration, `packed` the parts of quantized weights
  // in other files. Throws Error naming the file, and the tensor or key, for any inconsistency.
  static Checkpoint open(const std::string& path, const GgufMappings& mappings = {},
                         const PackedWeights& packed = {});

  // A configuration alone: no tensors, and the tokenizer's files in `folder`. `config_name` names
  // the configuration in errors.
  static Checkpoint of_config(std::string folder, std::string config, std::string config_name);
  // The same configuration and tokenizer, but other tensors: none, or those of a .safetensors,
  // .bin, .pt or .pth file, which then is the path.
  Checkpoint without_tensors() const;
  Checkpoint with_file(const std::string& file, const PackedWeights& packed = {}) const;
  // The same with made tensors too, each in the place of one of its name.
  Checkpoint with_made(std::vector<MadeTensor> made) const;
  Checkpoint with_config(std::string config) const;
  // The same path, configuration and tokenizer with the weights of a file that Strata packed
  // (packed_file.hpp), or with those that it would have, which are in no file.
  Checkpoint with_packed(std::shared_ptr<const File> file) const;
  Checkpoint with_planned(std::vector<Tensor> tensors) const;

  Kind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  std::string folder() const;  // the folder of config.json and tokenizer files
  const std::vector<std::shared_ptr<const File>>& files() const { return files_; }

  // Tensors by the checkpoint's names (Hugging Face's for GGUF; the file's own where the mapping
  // has none), file by file, in the order of their bytes; those joined from parts (part_names.hpp)
  // come last.
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const Tensor* find(std::string_view name) const;  // null: not there

  // config.json's bytes, as they are or as made from GGUF metadata, and its name in errors.
  const std::string& config() const { return config_; }
  const std::string& config_name() const { return config_name_; }
  const std::optional<source::GgufVocabulary>& vocabulary() const { return vocabulary_; }  // GGUF
  const std::vector<Remark>& remarks() const { return remarks_; }
  // Tensors that quantized weights lack.
  const std::vector<MissingPart>& missing() const { return missing_; }

  // Fills `into` with bytes of the tensor's first part from `from` on; throws Error if it does not
  // have as many. One thread at a time reads made tensors, from an element's beginning.
  void read(const Tensor& tensor, std::uint64_t from, std::span<std::byte> into) const;
  // Fills `into` with all bytes of a part of a tensor that is stored in a file.
  void read_part(const Tensor& tensor, std::size_t part, std::span<std::byte> into) const;
  // Whether the bytes are a made tensor's, which no file has: its index is that behind the last
  // one.
  bool is_made(const Extent& bytes) const { return bytes.file == files_.size(); }
  // Fills `into` with a made tensor's bytes from offset `at` of all of them.
  void read_made(std::uint64_t at, std::span<std::byte> into) const;

 private:
  Checkpoint(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  static Checkpoint open_folder(const std::string& path, const GgufMappings& mappings,
                                const PackedWeights& packed);
  static Checkpoint open_gguf(const std::string& path, const GgufMappings& mappings);
  void read_config(const std::string& folder);
  void add_shards(const std::string& index);
  void add_shard(const std::string& path);
  void add(Tensor tensor);
  void finish(const PackedWeights& packed);

  Kind kind_;
  std::string path_, config_, config_name_;
  std::string home_;  // of config.json and tokenizer files; empty: by the path
  std::vector<std::shared_ptr<const File>> files_;
  std::vector<Tensor> tensors_;
  std::vector<MadeTensor> made_;
  std::vector<std::string> twice_;  // names that an earlier shard has too
  std::vector<Remark> remarks_;
  std::vector<MissingPart> missing_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::optional<source::GgufVocabulary> vocabulary_;
};

}  // namespace strata::source
