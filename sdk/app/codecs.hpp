// The codecs of the quantized schemes, from their plugins.
#pragma once
#include "app/plugins.hpp"
#include "core/run/compute.hpp"

namespace strata::app {

// Finds the codec of a scheme, which scheme_text may have given options. It is opened once and
// lives as long as the result; its plugin counts as used. `plugins` outlives it.
run::FindCodec codecs_of(Plugins& plugins);

}  // namespace strata::app
