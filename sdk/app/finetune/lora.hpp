// The low-rank adapters of a training run, as its options give them.
#pragma once
#include <string>

#include "app/finetune_options.hpp"
#include "core/adapter/modules.hpp"
#include "core/run/model.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// LoraOptions::alpha, or what stands for it where it is 0.
double lora_alpha(const LoraOptions& options);

// The products that the options ask for; none without a rank. Refuses names that are of no module,
// dropout of parameters, and adapters that could not be merged in the end.
train::Products lora_products(const LoraOptions& options, const run::Model& model);

// "training 14 adapters (65536 numbers) beside 1.5 MiB of frozen weights".
std::string lora_words(const train::TrainingPlan& plan);

}  // namespace strata::app
