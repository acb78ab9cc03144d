// The files that an import writes beside the weights, so that the new folder has the model's
// tokenizer, chat template and generation settings.
#pragma once
#include <vector>

#include "core/source/checkpoint.hpp"
#include "core/source/import.hpp"

namespace strata::host {

// For a folder: its tokenizer's files, chat template and generation_config.json, unchanged. For
// GGUF: the same files, made from its metadata.
std::vector<source::ExtraFile> extra_files(const source::Checkpoint& checkpoint);

}  // namespace strata::host
