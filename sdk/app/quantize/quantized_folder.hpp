// Writes a quantized copy of a model: a Hugging Face folder in the layout of compressed-tensors.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/quantize/compressed_scheme.hpp"
#include "core/run/model.hpp"
#include "core/source/import.hpp"

namespace strata::app {

struct QuantizedFolderOptions {
  CompressedScheme scheme;
  std::uint64_t shard_bytes = 5'000'000'000;  // a file has no more, unless one weight has
  std::vector<source::ExtraFile> extra = {};  // tokenizer files and the like
  std::uint32_t threads = 0;                  // 0: all cores
  // How much the columns of a weight matter, by the family's name of it, as quantize_rows takes it;
  // may be null.
  std::function<std::vector<float>(const std::string& weight)> importance = {};
  // Bytes read so far, and all; may be null.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

struct QuantizedFolder {
  std::size_t weights = 0;                // quantized ones
  std::vector<std::string> ignored = {};  // as in LinearTensors
  std::uint64_t read = 0, written = 0;    // bytes of tensors
};

// Writes config.json, the tensors in the checkpoint's order and names, and the extra files. It
// holds a block of one weight's rows at a time. The folder appears whole or not at all; one that
// exists and is not empty is refused. Refuses a checkpoint that comes quantized or is not
// row-major, a weight whose columns the group does not divide, one with a number that is not
// finite, and a model of which nothing can be quantized.
QuantizedFolder write_quantized_folder(const run::Model& model, const std::string& folder,
                                       const QuantizedFolderOptions& options);

}  // namespace strata::app
