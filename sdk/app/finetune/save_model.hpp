// Writes the trained model as a folder that transformers loads.
#pragma once
#include <strata/abi/core.h>

#include <optional>

#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/run/group.hpp"
#include "core/run/model.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// The dtype in which the weights are written; none: those of the checkpoint. A file of weights may
// have another dtype than the model of its configuration.
std::optional<strata_dtype> written_dtype(const FinetuneOptions& options, const run::Model& model);

// Writes config.json, the weights in the checkpoint's dtypes and layout, and the tokenizer's files
// to the output. The files replace those of an earlier model when all are written, config.json
// last. It holds one tensor's piece at a time.
//
// All ranks of a group call it together: rank 0 writes, and the others give their parts of each
// unit until it has. Rank 0 holds one unit's weights besides.
void save_model(train::Training& training, const FinetuneOptions& options, Plugins& plugins,
                run::Group* group = nullptr);

}  // namespace strata::app
