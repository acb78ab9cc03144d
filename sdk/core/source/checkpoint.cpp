#include "core/source/checkpoint.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/gguf_names.hpp"
#include "core/source/gguf_parts.hpp"
#include "core/source/model_folder.hpp"
#include "core/source/names_text.hpp"
#include "core/source/packed_file.hpp"
#include "core/source/quantization.hpp"
#include "core/source/recognized_weights.hpp"
#include "core/source/safetensors.hpp"
#include "core/source/shard_index.hpp"
#include "core/source/torch_file.hpp"

namespace strata::source {
namespace {

namespace fs = std::filesystem;

bool is_torch(std::string_view file) {
  return file.ends_with(".bin") || file.ends_with(".pt") || file.ends_with(".pth");
}

}  // namespace

bool ends_as_checkpoint(std::string_view path) {
  return path.ends_with(".safetensors") || is_torch(path) || path.ends_with(".gguf");
}

Checkpoint Checkpoint::open(const std::string& path, const GgufMappings& mappings,
                            const PackedWeights& packed) {
  std::error_code error;
  const auto about = fs::status(path, error);
  if (about.type() == fs::file_type::not_found)
    throw Error(path, "no such model", "give a folder, a .safetensors, .bin or .gguf file");
  if (about.type() == fs::file_type::directory) return open_folder(path, mappings, packed);
  if (path.ends_with(".safetensors") || is_torch(path)) {
    Checkpoint out(Kind::file, path);
    out.read_config(out.folder());
    out.add_shard(path);
    out.finish(packed);
    return out;
  }
  if (path.ends_with(".gguf")) return open_gguf(path, mappings);
  throw Error(path, "is not a model",
              "give a folder, a .safetensors or .bin file beside its config.json, or a .gguf file");
}

Checkpoint Checkpoint::of_config(std::string folder, std::string config, std::string config_name) {
  Checkpoint out(Kind::folder, std::move(folder));
  out.config_ = std::move(config);
  out.config_name_ = std::move(config_name);
  return out;
}

Checkpoint Checkpoint::without_tensors() const {
  auto out = *this;
  out.files_.clear();
  out.tensors_.clear();
  out.made_.clear();
  out.twice_.clear();
  out.remarks_.clear();
  out.by_name_.clear();
  return out;
}

Checkpoint Checkpoint::with_file(const std::string& file, const PackedWeights& packed) const {
  if (!file.ends_with(".safetensors") && !is_torch(file))
    throw Error(file, "is no file of weights", "give a .safetensors, .bin, .pt or .pth file");
  auto out = without_tensors();
  out.home_ = folder();
  out.kind_ = Kind::file;
  out.path_ = file;
  out.add_shard(file);
  out.finish(packed);
  return out;
}

Checkpoint Checkpoint::with_made(std::vector<MadeTensor> made) const {
  auto out = *this;
  std::uint64_t end = 0;
  for (const auto& one : out.made_) end += one.tensor.stored.bytes;
  for (auto& one : made) {
    auto& stored = one.tensor.stored;
    const auto bytes = stored.bytes;
    stored = dense_form(stored.dtype(), one.tensor.shape,
                        {static_cast<std::uint32_t>(files_.size()), end, bytes});
    end += bytes;
    const auto [at, is_new] = out.by_name_.try_emplace(one.tensor.name, out.tensors_.size());
    if (is_new)
      out.tensors_.push_back(one.tensor);
    else
      out.tensors_[at->second] = one.tensor;
    out.made_.push_back(std::move(one));
  }
  return out;
}

Checkpoint Checkpoint::with_config(std::string config) const {
  auto out = *this;
  out.config_ = std::move(config);
  return out;
}

Checkpoint Checkpoint::with_packed(std::shared_ptr<const File> file) const {
  auto out = without_tensors();
  out.files_.push_back(file);
  for (auto& tensor : read_packed_file(*file, 0).tensors) out.add(std::move(tensor));
  return out;
}

Checkpoint Checkpoint::with_planned(std::vector<Tensor> tensors) const {
  auto out = *this;
  out.tensors_.clear();
  out.made_.clear();
  out.by_name_.clear();
  for (auto& tensor : tensors) {
    out.by_name_.emplace(tensor.name, out.tensors_.size());
    out.tensors_.push_back(std::move(tensor));
  }
  return out;
}

std::string Checkpoint::folder() const {
  if (!home_.empty()) return home_;
  if (kind_ == Kind::folder) return path_;
  const auto folder = fs::path(path_).parent_path().string();
  return folder.empty() ? "." : folder;
}

Checkpoint Checkpoint::open_folder(const std::string& path, const GgufMappings& mappings,
                                   const PackedWeights& packed) {
  const auto weights = weights_of(path);
  if (weights.empty() || !exists(path + "/config.json")) {
    const auto gguf = gguf_of(path);
    if (!gguf.empty()) return open_gguf(gguf, mappings);
  }
  Checkpoint out(Kind::folder, path);
  out.read_config(path);
  if (weights.empty()) refuse_folder(path);
  if (weights.ends_with(".index.json"))
    out.add_shards(weights);
  else
    out.add_shard(weights);
  out.finish(packed);
  return out;
}

void Checkpoint::read_config(const std::string& folder) {
  config_name_ = folder + "/config.json";
  if (!exists(config_name_)) refuse_folder(folder);
  config_ = File::open(config_name_)->text(longest_config);
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
    auto& other = tensors_[at->second];
    const auto file = tensor.stored.file().file;
    if (kind_ != Kind::folder || other.stored.file().file == file)
      throw Error(files_[file]->path(),
                  "tensor '" + printable(tensor.name) + "' occurs a second time",
                  "use another file of the model");
    twice_.push_back(tensor.name);
    other.name.clear();
    at->second = tensors_.size();
  }
  tensors_.push_back(std::move(tensor));
}

void Checkpoint::finish(const PackedWeights& packed) {
  std::erase_if(tensors_, [](const Tensor& tensor) { return tensor.name.empty(); });
  join_parts(tensors_, packed.names);
  if (packed.recognize) {
    const auto options = quantization_options(*this);
    join_recognized(
        tensors_, packed.names,
        [&](const std::string& key, const std::string& weight, std::span<const FoundPart> parts) {
          return packed.recognize(options, key, weight, parts);
        },
        [this](const Tensor& tensor) {
          std::vector<std::byte> bytes(tensor.stored.bytes);
          read(tensor, 0, bytes);
          return bytes;
        });
    missing_ = missing_parts(tensors_, packed.names);
  }
  by_name_.clear();
  for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
}

// [Note: index] The index says which files are shards. The shards' headers say which tensors they
// hold: an index may list a tied head that no shard has, or lack a tensor that was added later. As
// in transformers, the last shard by name counts where two hold a tensor.
void Checkpoint::add_shards(const std::string& index) {
  const auto shards = read_shard_index(*File::open(index));
  for (const auto& [shard, names] : shards)
    if (!exists(path_ + "/" + shard))
      throw Error(index, "shard '" + printable(shard) + "' is not in the folder", "fetch it");
  for (const auto& [shard, names] : shards) add_shard(path_ + "/" + shard);
  std::set<std::string> listed;
  for (const auto& [shard, names] : shards) listed.insert(names.begin(), names.end());
  std::vector<std::string> absent, unlisted;
  for (const auto& name : listed)
    if (!find(name)) absent.push_back(name);
  for (const auto& [name, at] : by_name_)
    if (!listed.contains(name)) unlisted.push_back(name);
  std::ranges::sort(unlisted);
  const auto remark = [&](std::int32_t level, const std::vector<std::string>& names,
                          const std::string& words) {
    if (!names.empty()) remarks_.push_back({level, index + ": " + words + first_of(names)});
  };
  remark(STRATA_INFO, absent, "it lists what no shard has: ");
  remark(STRATA_INFO, unlisted, "it does not list what its shards have: ");
  remark(STRATA_WARN, twice_, "two shards hold the same tensors, and the last shard's are used: ");
}

Checkpoint Checkpoint::open_gguf(const std::string& path, const GgufMappings& mappings) {
  Checkpoint out(Kind::gguf, path);
  auto parts = read_gguf_parts(path);
  auto named = gguf_checkpoint(parts, mappings);
  out.files_ = std::move(parts.files);
  out.config_ = std::move(named.config);
  out.config_name_ = path;
  out.vocabulary_ = std::move(named.vocabulary);
  for (auto& tensor : named.tensors) out.add(std::move(tensor));
  return out;
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto at = by_name_.find(std::string(name));
  return at == by_name_.end() ? nullptr : &tensors_[at->second];
}

void Checkpoint::read(const Tensor& tensor, std::uint64_t from, std::span<std::byte> into) const {
  const auto& at = tensor.stored.file();
  if (from > at.bytes || into.size() > at.bytes - from)
    throw Error(is_made(at) ? path_ : files_.at(at.file)->path(),
                "tensor '" + printable(tensor.name) + "' has no " + std::to_string(into.size()) +
                    " bytes at " + std::to_string(from),
                "read less");
  if (is_made(at)) return read_made(at.offset + from, into);
  files_.at(at.file)->read(at.offset + from, into);
}

void Checkpoint::read_part(const Tensor& tensor, std::size_t part,
                           std::span<std::byte> into) const {
  const auto& at = tensor.stored.parts.at(part).file;
  files_.at(at.file)->read(at.offset, into);
}

void Checkpoint::read_made(std::uint64_t at, std::span<std::byte> into) const {
  for (const auto& one : made_) {
    const auto& held = one.tensor.stored.file();
    if (at < held.offset || at >= held.offset + held.bytes) continue;
    if (into.size() > held.offset + held.bytes - at) break;
    return one.fill((at - held.offset) / element_bytes(one.tensor.stored.dtype()), into);
  }
  throw Error(path_, "no made tensor has these bytes", "this is a mistake in Strata");
}

}  // namespace strata::source
