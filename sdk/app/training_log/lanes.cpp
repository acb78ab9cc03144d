#include "app/training_log/lanes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "app/training_log/html_text.hpp"
#include "app/training_log/number_text.hpp"

namespace strata::training_log {
namespace {

constexpr double width = 920, left = 110, right = 10, row = 26, bar = 20, axis = 24;

// Different names in the order of their first occurrence.
class Names {
 public:
  std::size_t index_of(const std::string& name) {
    const auto found = std::ranges::find(names_, name);
    if (found == names_.end()) names_.push_back(name);
    return static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
  }
  const std::vector<std::string>& all() const { return names_; }

 private:
  std::vector<std::string> names_;
};

struct Time {
  double begin = std::numeric_limits<double>::infinity(), end = -begin;
  double all() const { return end - begin; }
  double at(double seconds) const {
    return left + (seconds - begin) / all() * (width - left - right);
  }
};

bool drawable(const LaneSpan& span) {
  return std::isfinite(span.begin) && std::isfinite(span.end) && span.end >= span.begin;
}

std::string milliseconds(double seconds) { return significant(seconds * 1000) + " ms"; }

// Left out are the shortest.
std::vector<const LaneSpan*> chosen(std::span<const LaneSpan> spans, std::size_t most) {
  std::vector<const LaneSpan*> out;
  for (const auto& span : spans)
    if (drawable(span)) out.push_back(&span);
  if (out.size() <= most) return out;
  std::ranges::stable_sort(out, [](const LaneSpan* a, const LaneSpan* b) {
    return a->end - a->begin > b->end - b->begin;
  });
  out.resize(most);
  return out;
}

std::string rectangle(const LaneSpan& span, std::size_t lane, std::size_t kind, const Time& time) {
  const double x = time.at(span.begin);
  constexpr double visible = 0.6;
  const double y = row * static_cast<double>(lane) + (row - bar) / 2;
  return opened("rect", {{"x", fixed(x, 2)},
                         {"width", fixed(std::max(visible, time.at(span.end) - x), 2)},
                         {"y", fixed(y, 0)},
                         {"height", fixed(bar, 0)},
                         {"style", "fill:" + color_of(kind)}}) +
         element("title", {},
                 span.kind + " " + span.unit + ": " + milliseconds(span.end - span.begin) +
                     " from " + milliseconds(span.begin - time.begin)) +
         "</rect>";
}

std::string words_at(double x, double y, bool before, const std::string& words) {
  return element(
      "text", {{"class", before ? "end" : "start"}, {"x", fixed(x, 0)}, {"y", fixed(y, 0)}}, words);
}

}  // namespace

std::string lanes_svg(std::span<const LaneSpan> spans, std::size_t most) {
  Names lanes, kinds;
  std::vector<double> busy;
  Time time;
  for (const auto& span : spans) {
    if (!drawable(span)) continue;
    kinds.index_of(span.kind);
    const auto lane = lanes.index_of(span.lane);
    busy.resize(lanes.all().size());
    busy[lane] += span.end - span.begin;
    time.begin = std::min(time.begin, span.begin), time.end = std::max(time.end, span.end);
  }
  if (!(time.all() > 0)) return element("p", {}, "No timeline was measured.");

  const double bottom = row * static_cast<double>(lanes.all().size());
  auto out = legend(kinds.all()) +
             opened("svg", {{"role", "img"},
                            {"aria-label", "The lanes of one step"},
                            {"viewBox", "0 0 " + fixed(width, 0) + " " + fixed(bottom + axis, 0)}});
  for (std::size_t l = 0; l < lanes.all().size(); ++l)
    out += words_at(left - 8, row * (static_cast<double>(l) + 0.5), true,
                    lanes.all()[l] + " " + fixed(100 * busy[l] / time.all(), 0) + " %");
  const auto drawn = chosen(spans, most);
  for (const auto* span : drawn)
    out += rectangle(*span, lanes.index_of(span->lane), kinds.index_of(span->kind), time);
  out += words_at(left, bottom + axis / 2, false, "0");
  out += words_at(width - right, bottom + axis / 2, true, milliseconds(time.all()));
  out += "</svg>\n";
  if (drawn.size() < spans.size())
    out += element("p", {},
                   "The longest " + grouped(drawn.size()) + " of " + grouped(spans.size()) +
                       " actions are drawn.");
  return out;
}

}  // namespace strata::training_log
