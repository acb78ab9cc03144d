#include "app/calibrate.hpp"

#include <algorithm>
#include <numeric>

#include "core/dry_run/measure.hpp"
#include "core/run/generation.hpp"

namespace strata::app {

namespace {

constexpr std::int64_t most_tokens = 512;   // of a window
constexpr std::size_t windows_of_pass = 8;  // so many share the fetches of streamed weights

// The tokens of a window: with the one behind it, no more than the positions that were learned.
std::size_t window_of(const run::Model& model) {
  auto out = most_tokens;
  for (std::uint32_t unit = 0; unit < model.family->units().size(); ++unit)
    if (const auto known = dry_run::measure(*model.family, unit, {}).positions; known > 0)
      out = std::clamp<std::int64_t>(known - 1, 1, out);
  return static_cast<std::size_t>(out);
}

std::vector<std::vector<std::int32_t>> windows_of(std::span<const std::int32_t> ids,
                                                  std::size_t tokens) {
  std::vector<std::vector<std::int32_t>> out;
  for (std::size_t at = 0; at < ids.size(); at += tokens) {
    const auto own = ids.subspan(at, std::min(tokens, ids.size() - at));
    out.emplace_back(own.begin(), own.end());
  }
  return out;
}

}  // namespace

run::InputSquares calibrate(
    const RunOptions& options, const run::Model& model, std::span<const std::int32_t> ids,
    Plugins& plugins, const std::function<void(std::size_t done, std::size_t all)>& progress) {
  const auto windows = windows_of(ids, window_of(model));
  const auto sequences = std::min(windows.size(), windows_of_pass);
  const auto longest = static_cast<std::int64_t>(windows.front().size());
  auto planned = plan_run(options, model,
                          {.sequences = static_cast<std::uint32_t>(sequences),
                           .tokens = longest + 1,
                           .prompt = longest * static_cast<std::int64_t>(sequences)},
                          plugins);
  const auto session = open_session(options, model, std::move(planned), false, plugins);
  run::InputSquares squares;
  session->compute().note_inputs(squares);
  std::size_t done = 0;
  for (std::size_t at = 0; at < windows.size(); at += sequences) {
    const auto end = std::min(windows.size(), at + sequences);
    run::GenerateRequest request;
    request.prompts.assign(windows.begin() + static_cast<std::ptrdiff_t>(at),
                           windows.begin() + static_cast<std::ptrdiff_t>(end));
    request.new_tokens = 1;  // a pass over the prompts alone
    request.progress = [&](std::size_t now, std::size_t) {
      if (progress) progress(done + now, ids.size());
    };
    run::generate(*session, request);
    for (const auto& window : request.prompts) done += window.size();
  }
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
