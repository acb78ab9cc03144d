#include "app/calibrate.hpp"

#include <algorithm>
#include <numeric>

#include "core/run/generation.hpp"

namespace strata::app {

run::InputSquares calibrate(
    const RunOptions& options, const run::Model& model, std::span<const std::int32_t> ids,
    Plugins& plugins, const std::function<void(std::int64_t done, std::int64_t all)>& progress) {
  constexpr std::int64_t window = 512;
  const auto tokens = std::min(window, static_cast<std::int64_t>(ids.size()));
  auto planned =
      plan_run(options, model,
               {.sequences = 1, .tokens = tokens, .prompt = tokens, .all_logits = true}, plugins);
  const auto session = open_session(options, model, std::move(planned), false, plugins);
  run::InputSquares squares;
  session->compute().note_inputs(squares);
  run::surprises(*session, ids, window, {}, progress);
  session->finish();
  return squares;
}

std::vector<float> importance_of(const run::InputSquares& squares, const std::string& weight) {
  const auto* sums = squares.of(weight);
  if (!sums) return {};
  const auto mean =
      std::accumulate(sums->begin(), sums->end(), 0.0) / static_cast<double>(sums->size());
  if (!(mean > 0)) return {};
  std::vector<float> out(sums->size());
  std::ranges::transform(*sums, out.begin(),
                         [&](double sum) { return static_cast<float>(sum / mean); });
  return out;
}

}  // namespace strata::app
