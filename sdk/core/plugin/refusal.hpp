// A plugin's failure as Error.
#pragma once
#include <strata/abi/core.h>

#include <string>
#include <string_view>

namespace strata::plugin {

// Does nothing for STRATA_OK; else throws Error with the words that the plugin left on this thread,
// or with `function` and the status where it left none. `who` is "model/mine".
void refuse_failure(strata_status status, const std::string& who, std::string_view function);

}  // namespace strata::plugin
