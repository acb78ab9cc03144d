// Copies of a quantized model with plain weights.
#pragma once
#include "core/run/model.hpp"

namespace strata::app {

// Throws Error, naming a weight, where a file of plain weights would have another order than the
// quantized ones tell: a family whose plain files hold [in,out] while quantizers store [out,in].
// The weights of `model` are found.
void check_plain_copy(const run::Model& model);

}  // namespace strata::app
