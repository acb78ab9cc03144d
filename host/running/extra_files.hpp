// What an import writes beside the weights, so that the new folder reads, talks and ends as the
// model did.
#pragma once
#include <vector>

#include "core/source/checkpoint.hpp"
#include "core/source/import.hpp"

namespace strata::host {

// Of a folder its tokenizer's files, chat template and generation_config.json as they are; of GGUF
// the same as made from its metadata.
std::vector<source::ExtraFile> extra_files(const source::Checkpoint& checkpoint);

}  // namespace strata::host
