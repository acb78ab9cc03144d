// The model that a run trains: as it is stored, or drawn anew, or with a resized embedding.
#pragma once
#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// Opens MODEL as the options of training say. With init_seed its weights are drawn as `strata
// import` draws them, and it may be a folder without weights or a config.json beside its
// tokenizer; all but a critic's value head then come from the file load_weights, if one is given.
// With resize_embeddings the model has a row for each token of its tokenizer, rounded up, and its
// configuration the ids that end and pad a text. A critic without a value head gets one that is
// drawn from `seed`, as `strata import` draws it. Weights are read or drawn when training opens;
// those that the options quantize are packed here, with `progress` over their bytes.
run::Model open_trained_model(const ModelOptions& options, const RunOptions& run,
                              const FinetuneOptions& training, Plugins& plugins,
                              const LoadProgress& progress = {});

}  // namespace strata::app
