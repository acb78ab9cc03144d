#include "core/source/checkpoint.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/source/block_pairs.hpp"
#include "core/source/gguf_names.hpp"
#include "core/source/json.hpp"
#include "core/source/safetensors.hpp"
#include "core/source/shard_index.hpp"
#include "core/source/torch_file.hpp"

namespace strata::source {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_config = 16ull << 20;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_torch(std::string_view file) {
  return file.ends_with(".bin") || file.ends_with(".pt") || file.ends_with(".pth");
}

}  // namespace

bool ends_as_checkpoint(std::string_view path) {
  return path.ends_with(".safetensors") || is_torch(path) || path.ends_with(".gguf");
}

Checkpoint Checkpoint::open(const std::string& path, const GgufMappings& mappings) {
  std::error_code error;
  const auto about = fs::status(path, error);
  if (about.type() == fs::file_type::not_found)
    throw Error(path, "no such model", "give a folder, a .safetensors, .bin or .gguf file");
  if (about.type() == fs::file_type::directory) {
    Checkpoint out(Kind::folder, path);
    out.open_folder();
    out.join_pairs();
    return out;
  }
  if (path.ends_with(".safetensors") || is_torch(path)) {
    Checkpoint out(Kind::file, path);
    out.read_config(out.folder());
    out.add_shard(path);
    out.join_pairs();
    return out;
  }
  if (path.ends_with(".gguf")) {
    Checkpoint out(Kind::gguf, path);
    out.open_gguf(mappings);
    return out;
  }
  throw Error(path, "is not a model",
              "give a folder, a .safetensors or .bin file beside its config.json, or a .gguf file");
}

std::string Checkpoint::folder() const {
  if (kind_ == Kind::folder) return path_;
  const auto folder = fs::path(path_).parent_path().string();
  return folder.empty() ? "." : folder;
}

void Checkpoint::open_folder() {
  read_config(path_);
  for (const auto* name : {"/model.safetensors", "/pytorch_model.bin"}) {
    const auto whole = path_ + name, index = whole + ".index.json";
    if (exists(whole)) return add_shard(whole);
    if (exists(index)) return check_index(index);
  }
  throw Error(path_, "has no model.safetensors, pytorch_model.bin or index of either",
              "put its weights there; `strata download ORG/NAME` completes a model of the hub");
}

void Checkpoint::read_config(const std::string& folder) {
  config_name_ = folder + "/config.json";
  config_ = File::open(config_name_)->text(max_config);
}

void Checkpoint::add_shard(const std::string& path) {
  files_.push_back(File::open(path));
  const auto read = is_torch(path) ? read_torch_file : read_safetensors;
  for (auto& tensor : read(*files_.back(), static_cast<std::uint32_t>(files_.size() - 1)))
    add(std::move(tensor));
  files_.back()->forget();
}

void Checkpoint::add(Tensor tensor) {
  const auto [at, is_new] = by_name_.try_emplace(tensor.name, tensors_.size());
  if (!is_new) {
    const auto& other = files_[tensors_[at->second].at.file]->path();
    throw Error(files_[tensor.at.file]->path(),
                "tensor '" + printable(tensor.name) + "' occurs a second time" +
                    (tensors_[at->second].at.file == tensor.at.file ? "" : ", after " + other),
                "the checkpoint is damaged; fetch it again");
  }
  tensors_.push_back(std::move(tensor));
}

void Checkpoint::join_pairs() {
  join_block_pairs(tensors_);
  by_name_.clear();
  for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
}

// [Note: index] The index is the promise, the shards' headers the fact: both must say the same.
void Checkpoint::check_index(const std::string& index) {
  const auto shards = read_shard_index(*File::open(index));
  for (const auto& [shard, names] : shards) {
    if (!exists(path_ + "/" + shard))
      throw Error(index, "shard '" + printable(shard) + "' is not in the folder", "fetch it");
    add_shard(path_ + "/" + shard);
    for (const auto& name : names) {
      const auto* tensor = find(name);
      if (!tensor || tensor->at.file + 1 != files_.size())
        throw Error(index, "tensor '" + printable(name) + "' is not in its shard '" + shard + "'",
                    "the checkpoint is damaged; fetch it again");
    }
  }
  for (const auto& tensor : tensors_) {
    const auto& listed = shards.at(fs::path(files_[tensor.at.file]->path()).filename().string());
    if (!listed.contains(tensor.name))
      throw Error(files_[tensor.at.file]->path(),
                  "tensor '" + printable(tensor.name) + "' is not in the index",
                  "the checkpoint is damaged; fetch it again");
  }
}

void Checkpoint::open_gguf(const GgufMappings& mappings) {
  files_.push_back(File::open(path_));
  auto named = read_gguf_checkpoint(*files_.back(), mappings);
  files_.back()->forget();
  config_ = std::move(named.config);
  config_name_ = path_;
  vocabulary_ = std::move(named.vocabulary);
  for (auto& tensor : named.tensors) add(std::move(tensor));
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto at = by_name_.find(std::string(name));
  return at == by_name_.end() ? nullptr : &tensors_[at->second];
}

void Checkpoint::read(const Tensor& tensor, std::uint64_t from, std::span<std::byte> into) const {
  const auto& file = *files_.at(tensor.at.file);
  if (from > tensor.at.bytes || into.size() > tensor.at.bytes - from)
    throw Error(file.path(),
                "tensor '" + printable(tensor.name) + "' has no " + std::to_string(into.size()) +
                    " bytes at " + std::to_string(from),
                "read less");
  file.read(tensor.at.offset + from, into);
}

}  // namespace strata::source
