// The modules that get an adapter in training.
#pragma once
#include <string_view>
#include <vector>

#include "core/adapter/modules.hpp"

namespace strata::adapter {

// Chooses among the modules, in their order. `targets` is
// - "all-linear": every linear layer but the output head, with routers and the experts' parameters;
// - names separated by commas: modules and parameters whose name is one of them, or ends in "." and
//   one of them;
// - or else a pattern of Python's `re` for whole names.
// Throws UsageError naming a name, or the pattern, that is of no module; `option` gave them.
std::vector<Module> select(const Modules& modules, std::string_view targets,
                           const char* option = "--lora-targets");

}  // namespace strata::adapter
