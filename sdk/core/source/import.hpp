// Import: a Hugging Face folder from a checkpoint of any kind.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/source/checkpoint.hpp"
#include "core/source/dense_rows.hpp"
#include "core/source/made_tensor.hpp"

namespace strata::source {

struct ExtraFile {
  std::string name, bytes;  // a plain file name, or one in a folder
};

struct ImportOptions {
  DenseRows::Expand expand = {};  // for quantized tensors
  std::function<void(std::uint64_t done, std::uint64_t total)> progress =
      {};                             // bytes written; may be null
  std::vector<ExtraFile> extra = {};  // tokenizer files and the like
  // The new number of rows of some tensors, by name: it drops the last rows or adds rows that are
  // the mean.
  std::map<std::string, std::int64_t> rows = {};
  // Gives the new elements of a tensor of the checkpoint: it writes those from `first` on in the
  // new tensor's dtype. Null, or a null result: the tensor's own.
  using Fill =
      std::function<void(strata_dtype dtype, std::uint64_t first, std::span<std::byte> out)>;
  std::function<Fill(const Tensor&)> replaced = {};
  // Adds to the elements of some tensors of the checkpoint, by name: in float32, from `first` of
  // the new tensor on, before they get their dtype. Not those that have new elements or new rows.
  using Add = std::function<void(std::uint64_t first, std::span<float> elements)>;
  std::map<std::string, Add> added = {};
  std::vector<MadeTensor> made = {};       // added behind the checkpoint's tensors
  std::string config = {};                 // replaces the checkpoint's; empty: keeps it
  std::optional<strata_dtype> dtype = {};  // for floating elements and blocks; empty: as they are
};

// Writes config.json, model.safetensors and the extra files. Dense tensors keep their dtype and
// quantized ones become float32, unless the options name one; reordered rows return to their order.
// It holds at most 128 MiB of a tensor at a time, twice that of a changed one, and all elements of
// a weight that lies in several tensors. The configuration of quantized weights names no
// quantization then. The folder appears whole or not at all; one that exists and is not empty is
// refused.
void import_checkpoint(const Checkpoint& checkpoint, const std::string& folder,
                       const ImportOptions& options);

// The bytes of the tensors that import_checkpoint writes.
std::uint64_t imported_bytes(const Checkpoint& checkpoint, const ImportOptions& options);

// Writes the same from options.config and the made tensors alone.
void make_checkpoint(const std::string& folder, const ImportOptions& options);

}  // namespace strata::source
