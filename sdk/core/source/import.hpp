// A Hugging Face folder out of a checkpoint of any kind.
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

namespace strata::source {

struct ExtraFile {
  std::string name, bytes;  // a plain file name, or one in a folder
};

// A tensor that no checkpoint has: `tensor` says its name, shape and dtype, `fill` gives its bytes
// from element `first` on.
struct MadeTensor {
  Tensor tensor;
  std::function<void(std::uint64_t first, std::span<std::byte> out)> fill;
};

struct ImportOptions {
  // Blocks of one tensor, as the file holds them, to as many floats as they stand for. Asked for
  // quantized tensors only.
  std::function<void(const Tensor&, std::span<const std::byte> blocks, std::span<float> out)>
      expand = {};
  std::function<void(std::uint64_t done, std::uint64_t total)> progress =
      {};                             // bytes written; may be null
  std::vector<ExtraFile> extra = {};  // tokenizer files and the like
  // Tensors by name that get another number of rows: the last ones go, new ones are the mean.
  std::map<std::string, std::int64_t> rows = {};
  std::vector<MadeTensor> made = {};       // behind the checkpoint's
  std::string config = {};                 // in the place of the checkpoint's; empty: that
  std::optional<strata_dtype> dtype = {};  // of what is floating, or in blocks; empty: as it is
};

// Writes config.json, model.safetensors and the extra files. Dense tensors keep their dtype and
// quantized ones become float32, unless the options name one; reordered rows return to their order.
// At most 96 MiB of a tensor are held at a time. The folder appears whole or not at all; one that
// is not empty is refused.
void import_checkpoint(const Checkpoint& checkpoint, const std::string& folder,
                       const ImportOptions& options);

// The same of options.config and the made tensors alone.
void make_checkpoint(const std::string& folder, const ImportOptions& options);

}  // namespace strata::source
