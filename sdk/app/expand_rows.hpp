// Expands rows of packed tensors while an import writes them.
#pragma once
#include "app/plugins.hpp"
#include "core/source/dense_rows.hpp"

namespace strata::app {

// As source::ImportOptions::expand, by the plugin of each tensor's scheme. `plugins` outlives it.
source::DenseRows::Expand expand_rows(Plugins& plugins);

}  // namespace strata::app
