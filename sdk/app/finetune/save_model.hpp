// Writes the trained model as a folder that transformers loads.
#pragma once
#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// Writes config.json, the weights in the checkpoint's dtypes and layout, and the tokenizer's files;
// the folder appears whole or not at all. It holds one tensor's piece at a time.
void save_model(train::Training& training, const FinetuneOptions& options, const Plugins& plugins);

}  // namespace strata::app
