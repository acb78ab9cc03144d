#include "data/preview.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "text/text_stream.hpp"

namespace strata::data {
namespace {

constexpr const char* ellipsis = "…";

// Neighboring tokens of one weight, of which those in [cut, resumed) are left out.
struct Run {
  std::size_t begin, end;
  float weight;
  std::size_t cut = begin, resumed = begin;

  std::size_t shown() const { return end - begin - (resumed - cut); }
  void cut_middle(std::size_t edge) {
    if (end - begin > 2 * edge) cut = begin + edge, resumed = end - edge;
  }
};

std::vector<Run> runs_of(std::size_t count, std::span<const Scored> scored) {
  std::vector<Run> out;
  std::size_t at = 0;
  const auto add = [&](std::size_t end, float weight) {
    end = std::min(end, count);
    if (at < end) out.push_back({at, end, weight});
    at = std::max(at, end);
  };
  for (const auto& one : scored) {
    add(one.begin, 0);
    add(one.end, one.weight);
  }
  add(count, 0);
  return out;
}

std::size_t shown_of(const std::vector<Run>& runs) {
  std::size_t count = 0;
  for (const auto& run : runs) count += run.shown();
  return count;
}

// Cuts the middle of what is not scored, then of what is, and then leaves out runs in the middle,
// until no more than `most` tokens or the first and the last run are left. Returns the first run
// that is left out, and the first behind it that is shown.
std::pair<std::size_t, std::size_t> shorten(std::vector<Run>& runs, std::size_t most) {
  for (const bool scored : {false, true})
    if (shown_of(runs) > most)
      for (auto& run : runs)
        if ((run.weight > 0) == scored) run.cut_middle(std::max<std::size_t>(most / 8, 1));
  std::size_t first = 0, behind = runs.size();
  auto shown = shown_of(runs);
  if (shown <= most || runs.size() < 3) return {behind, behind};
  first = behind / 2, behind = first;
  while (shown > most && (first > 1 || behind + 1 < runs.size())) {
    const bool back = first <= 1 || (behind + 1 < runs.size() &&
                                     behind - runs.size() / 2 < runs.size() / 2 - first);
    shown -= runs[back ? behind++ : --first].shown();
  }
  return {first, behind};
}

}  // namespace

std::vector<PreviewPiece> preview(const TokenRows& rows, std::size_t row,
                                  const text::Tokenizer& tokenizer, std::size_t most) {
  std::vector<PreviewPiece> out;
  const auto ids = rows.ids(row);
  const auto scored = rows.scored(row);
  auto runs = runs_of(ids.size(), scored);
  const auto [hidden, resumed] = shorten(runs, most);
  std::optional<text::TextStream> stream;
  const auto add = [&](const std::string& text, float weight) {
    if (out.empty() || out.back().weight != weight) out.push_back({"", weight});
    out.back().text += text;
  };
  const auto end_stream = [&] {
    if (stream && !out.empty()) out.back().text += stream->finish();
    stream.reset();
  };
  const auto show = [&](std::size_t begin, std::size_t end, float weight) {
    if (!stream) stream.emplace(tokenizer, false);
    for (auto at = begin; at < end; ++at) add(stream->add(ids[at]), weight);
  };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (i == hidden) {
      end_stream();
      add(ellipsis, 0);
      i = resumed;
    }
    const auto& run = runs[i];
    show(run.begin, run.cut, run.weight);
    if (run.cut < run.resumed) {
      end_stream();
      add(ellipsis, run.weight);
    }
    show(run.resumed, run.end, run.weight);
  }
  if (rows.pads(row) > 0) {
    if (!stream) stream.emplace(tokenizer, false);
    const bool counts = !scored.empty() && scored.back().end > ids.size();
    add(stream->add(rows.pad), counts ? scored.back().weight : 0);
  }
  end_stream();
  return out;
}

}  // namespace strata::data
