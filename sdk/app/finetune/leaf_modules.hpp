// Modules that are named to be fetched whole.
#pragma once
#include <string>
#include <vector>

#include "app/finetune.hpp"
#include "app/plugins.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// Refuses a name that is neither a class of the model's modules in transformers nor the whole name
// or the end of the name of a module with weights. No plan depends on the others: units of a layer
// are always fetched whole, and the choice of experts is known before they are fetched. One line
// says so.
void check_leaf_modules(const std::vector<std::string>& names, const run::Model& model,
                        const Plugins& plugins, const FinetuneEvents& events);

}  // namespace strata::app
