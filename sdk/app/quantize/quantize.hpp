// Quantizes a model's weights while it is opened.
#pragma once
#include <functional>

#include "app/plugins.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// The checkpoint of `model`, whose family is made, becomes one of quantized weights, and
// model.quantized says how. A file of them that an earlier run kept is used as it is; else
// `find_weights` finds the weights in the model's own checkpoint, and they are packed into a file,
// with a line in the log. If the run is only `planned`, no file is made or used, and the model may
// be a shape. Does nothing without a quantization in the options. It leaves model.tensors to the
// caller. Throws UsageError for options that do not fit the plugins or the model.
void quantize(run::Model& model, const QuantOptions& options, Plugins& plugins, bool planned,
              const std::function<void()>& find_weights, const LoadProgress& progress = {});

}  // namespace strata::app
