// The files that an import writes beside the weights, so that the new folder has the model's
// tokenizer, chat template and generation settings.
#pragma once
#include <vector>

#include "app/log.hpp"
#include "core/source/checkpoint.hpp"
#include "core/source/import.hpp"

namespace strata::app {

// For a folder: its tokenizer's files, chat template and generation_config.json, unchanged. For
// GGUF: the same files, made from its metadata.
std::vector<source::ExtraFile> extra_files(const source::Checkpoint& checkpoint, const Log& log);

}  // namespace strata::app
