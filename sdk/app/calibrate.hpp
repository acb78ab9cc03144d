// Measures which columns of a model's weights matter, over a text.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/open_session.hpp"
#include "core/run/input_squares.hpp"

namespace strata::app {

// Runs the model over the ids, window by window, and gives the squares of what its products take.
// Weights are streamed where the device does not hold them. `progress` gets tokens; it may be null.
run::InputSquares calibrate(
    const RunOptions& options, const run::Model& model, std::span<const std::int32_t> ids,
    Plugins& plugins, const std::function<void(std::int64_t done, std::int64_t all)>& progress);

// The importance of a weight's columns: the mean square of each, relative to that of all. Empty
// where no product with the weight ran.
std::vector<float> importance_of(const run::InputSquares& squares, const std::string& weight);

}  // namespace strata::app
