#include "app/training_log/curves.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "app/training_log/html_text.hpp"
#include "app/training_log/number_text.hpp"

namespace strata::training_log {
namespace {

constexpr double width = 920, height = 280, left = 70, right = 16, top = 16, bottom = 30;
constexpr int columns = 800;

// The values along an axis.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  void take(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value), high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  // Makes room where all values are equal, so that no division is by 0.
  void widen() {
    if (high - low > 0) return;
    const double room = low == 0 ? 1 : std::abs(low) / 10;
    low -= room, high += room;
  }
};

struct Axes {
  Range x, y;
  std::string at_x(double value) const {
    return fixed(left + (value - x.low) / (x.high - x.low) * (width - left - right), 1);
  }
  std::string at_y(double value) const {
    return fixed(height - bottom - (value - y.low) / (y.high - y.low) * (height - top - bottom), 1);
  }
};

// About five round numbers of the range: 1, 2 or 5 times a power of ten apart.
std::vector<double> ticks(const Range& range) {
  const double about = (range.high - range.low) / 5;
  const double power = std::pow(10, std::floor(std::log10(about)));
  const double apart = about / power < 1.5   ? power
                       : about / power < 3.5 ? 2 * power
                       : about / power < 7.5 ? 5 * power
                                             : 10 * power;
  std::vector<double> out;
  constexpr std::size_t most = 12;
  for (auto n = std::ceil(range.low / apart); n * apart <= range.high && out.size() < most; ++n)
    out.push_back(n * apart);
  return out;
}

std::string tick_text(double value, const Range& range) {
  constexpr double small = 1e-3, large = 1e5;
  const double most = std::max(std::abs(range.low), std::abs(range.high));
  if (std::abs(value) < most * 1e-9) return "0";
  if (most < small || most >= large) return scientific(value, 1);
  const auto digits = static_cast<int>(std::ceil(-std::log10((range.high - range.low) / 5)));
  return fixed(value, std::clamp(digits, 0, 9));
}

void add_text(std::string& out, const char* style, const std::string& x, const std::string& y,
              const std::string& words) {
  out += element("text", {{"class", style}, {"x", x}, {"y", y}}, words);
}

void add_axes(std::string& out, const Axes& axes) {
  for (const double value : ticks(axes.y)) {
    const auto y = axes.at_y(value);
    out += closed("line", {{"class", "grid"},
                           {"x1", fixed(left, 0)},
                           {"x2", fixed(width - right, 0)},
                           {"y1", y},
                           {"y2", y}});
    add_text(out, "end", fixed(left - 6, 0), y, tick_text(value, axes.y));
  }
  for (const double value : ticks(axes.x))
    if (value == std::floor(value))  // steps are whole
      add_text(out, "middle", axes.at_x(value), fixed(height - 10, 0), fixed(value, 0));
  add_text(out, "end", fixed(left - 6, 0), fixed(height - 10, 0), "step");
}

// The points that can be told apart: of each column the lowest and the highest, and one of those
// that are not finite.
std::vector<Point> thinned(const std::vector<Point>& points, const Range& x) {
  if (points.size() <= std::size_t{2} * columns) return points;
  std::vector<Point> out;
  for (std::size_t i = 0; i < points.size();) {
    const auto column = [&](const Point& p) {
      return std::floor((p.x - x.low) / (x.high - x.low) * columns);
    };
    std::size_t low = i, high = i, gap = points.size(), end = i;
    for (; end < points.size() && column(points[end]) == column(points[i]); ++end) {
      if (!std::isfinite(points[end].y)) {
        gap = end;
        continue;
      }
      if (!(points[low].y <= points[end].y)) low = end;
      if (!(points[high].y >= points[end].y)) high = end;
    }
    std::vector<std::size_t> kept{low, high};
    if (gap < points.size()) kept.push_back(gap);
    std::ranges::sort(kept);
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const auto at : kept) out.push_back(points[at]);
    i = end;
  }
  return out;
}

void add_curve(std::string& out, const Curve& curve, std::size_t color, const Axes& axes) {
  const auto points = thinned(curve.points, axes.x);
  std::string path;
  bool drawing = false;
  for (const auto& point : points) {
    if (std::isfinite(point.y))
      path += (drawing ? "L" : "M") + axes.at_x(point.x) + " " + axes.at_y(point.y);
    drawing = std::isfinite(point.y);
  }
  if (!path.empty())
    out +=
        closed("path", {{"class", "curve"}, {"style", "stroke:" + color_of(color)}, {"d", path}});
  const bool single = points.size() == 1;  // which a path does not show
  if (!curve.dots && !single) return;
  for (const auto& point : points)
    if (std::isfinite(point.y))
      out += opened("circle", {{"r", "4"},
                               {"style", "fill:" + color_of(color)},
                               {"cx", axes.at_x(point.x)},
                               {"cy", axes.at_y(point.y)}}) +
             element("title", {},
                     curve.name + " " + fixed(point.y, 4) + " after step " + fixed(point.x, 0)) +
             "</circle>";
}

}  // namespace

std::string curves_svg(const std::string& title, const std::vector<Curve>& curves) {
  Axes axes;
  for (const auto& curve : curves)
    for (const auto& point : curve.points) axes.x.take(point.x), axes.y.take(point.y);
  if (axes.y.empty()) return element("p", {}, title + ": there is no finite value.");
  axes.x.widen(), axes.y.widen();
  std::string out;
  if (curves.size() > 1) {
    std::vector<std::string> names;
    for (const auto& curve : curves) names.push_back(curve.name);
    out += legend(names);
  }
  out += opened("svg", {{"role", "img"},
                        {"aria-label", title},
                        {"viewBox", "0 0 " + fixed(width, 0) + " " + fixed(height, 0)}});
  add_axes(out, axes);
  for (std::size_t c = 0; c < curves.size(); ++c) add_curve(out, curves[c], c, axes);
  return out + "</svg>\n";
}

}  // namespace strata::training_log
