// Curves over the steps of a run, as SVG.
#pragma once
#include <string>
#include <vector>

namespace strata::training_log {

struct Point {
  double x, y;
};

struct Curve {
  std::string name;
  std::vector<Point> points;  // x ascending; a y that is not finite is a gap
  bool dots = false;          // each point is marked, and shows its numbers under the mouse
};

// The curves in one pair of axes, with a legend where there are several. Where there are more
// points than can be seen, the lowest and the highest of each column are drawn. Colors are the
// page's variables --c0,
// --c1, ... in the curves' order.
std::string curves_svg(const std::string& title, const std::vector<Curve>& curves);

}  // namespace strata::training_log
