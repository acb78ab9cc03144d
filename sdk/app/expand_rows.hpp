// Expands rows of packed tensors while an import writes them.
#pragma once
#include <functional>

#include "app/plugins.hpp"
#include "core/source/tensor.hpp"

namespace strata::app {

// As source::ImportOptions::expand, by the plugin of each tensor's scheme. `plugins` outlives it.
std::function<void(const source::Tensor& tensor, std::span<const std::byte> rows,
                   std::span<float> out)>
expand_rows(Plugins& plugins);

}  // namespace strata::app
