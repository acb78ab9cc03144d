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

// Runs the model over the ids, of which there is at least one, in windows of 512 tokens, and
// returns the squares of what its products take. Weights are streamed where the device does not
// hold them. `progress` gets the number of tokens that were read, and of all; it may be null.
// Throws Error where the model computes numbers that are not finite.
run::InputSquares calibrate(const RunOptions& options, const run::Model& model,
                            std::span<const std::int32_t> ids, Plugins& plugins,
                            const std::function<void(std::size_t done, std::size_t all)>& progress);

// The importance of a weight's columns: the mean square of each, relative to that of all. Empty
// where no product with the weight ran.
std::vector<float> importance_of(const run::InputSquares& squares, const std::string& weight);

}  // namespace strata::app
