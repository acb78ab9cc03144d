// Writes the trained model as a folder that transformers loads.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/run/group.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// The folder in an output with checkpoints that a model is in until it is whole.
inline constexpr std::string_view written_model = "model.part";

// Calls `write` with the path of a folder that it writes: the output itself, if that is new. Into
// an output that holds checkpoints the files are moved when all are there, the file `last` behind
// all others: without it a folder is no result.
void write_result(const std::string& output, const char* last,
                  const std::function<void(const std::string& folder)>& write);

// Writes config.json, the weights in the checkpoint's dtypes and layout, and the tokenizer's files
// to the output. A new output appears whole or not at all. In one that holds checkpoints the files
// replace those of an earlier model when all are written, config.json last. It holds one tensor's
// piece at a time.
//
// All ranks of a group call it together: rank 0 writes, and the others give their parts of each
// unit until it has. Rank 0 holds one unit's weights besides.
void save_model(train::Training& training, const FinetuneOptions& options, Plugins& plugins,
                run::Group* group = nullptr);

}  // namespace strata::app
