#include "app/training_log/page.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "app/training_log/curves.hpp"
#include "app/training_log/html_text.hpp"
#include "app/training_log/lanes.hpp"
#include "tests/folder.hpp"

namespace {

using namespace strata::training_log;

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("markup, broken UTF-8 and control characters do not reach a page",
          "[app][training_log]") {
  CHECK(escaped("a<b>&\"'c\n\td") == "a&lt;b&gt;&amp;&quot;&#39;c\n\td");
  CHECK(escaped(std::string("\0\x1b\x7f\xff", 4)) ==
        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(escaped("\xC2\x85 \xEF\xBF\xBE \xC3\xA9 \xF0\x9F\x98\x80") ==
        "\xEF\xBF\xBD \xEF\xBF\xBD \xC3\xA9 \xF0\x9F\x98\x80");
}

TEST_CASE("a long run's curve has its peaks and few points", "[app][training_log]") {
  Curve curve{.name = "loss", .points = {}};
  for (int n = 0; n < 200000; ++n) curve.points.push_back({double(n), n == 77777 ? 50.0 : 1.0});
  const auto svg = curves_svg("Loss", {curve});
  CHECK(svg.size() < 100000);
  CHECK(svg.find(" 16.0L") != svg.npos);  // the peak is at the top
  CHECK(count(svg, "M") == 1);
}

TEST_CASE("a step without a loss is a gap of the curve", "[app][training_log]") {
  const double none = std::nan("");
  const auto svg = curves_svg("Loss", {{"loss", {{1, 2}, {2, 3}, {3, none}, {4, 3}, {5, 2}}}});
  CHECK(count(svg, "M") == 2);
  CHECK(svg.find("nan") == svg.npos);
  CHECK(curves_svg("Loss", {{"loss", {{1, none}}}}).find("<svg") == std::string::npos);
  CHECK(curves_svg("Loss", {{"loss", {}}}).find("<svg") == std::string::npos);
}

TEST_CASE("extreme values leave a page that can be drawn", "[app][training_log]") {
  const auto [low, high] = GENERATE(std::pair{1e308, -1e308}, std::pair{0.0, 0.0},
                                    std::pair{5e-324, 1e-323}, std::pair{1e20, 1e20 + 16384});
  const auto svg = curves_svg("Loss", {{"loss", {{1, low}, {9e15, high}}}});
  CHECK(svg.find("<svg") != svg.npos);
  CHECK(svg.size() < 20000);
}

TEST_CASE("one step is a point that can be seen", "[app][training_log]") {
  CHECK(count(curves_svg("Loss", {{"loss", {{1, 2}}}}), "<circle") == 1);
}

TEST_CASE("of too many actions the longest are drawn, and a line says so", "[app][training_log]") {
  std::vector<LaneSpan> spans;
  for (int n = 0; n < 50; ++n)
    spans.push_back(
        {"compute", "run", "unit " + std::to_string(n), n * 1.0, n + (n == 33 ? 0.9 : 0.1)});
  spans.push_back({"copy", "fetch", "x", std::nan(""), 1});
  const auto svg = lanes_svg(spans, 10);
  CHECK(count(svg, "<rect") == 10);
  CHECK(svg.find("unit 33") != svg.npos);
  CHECK(svg.find("10 of 51 actions") != svg.npos);
  CHECK(lanes_svg({}).find("<svg") == std::string::npos);
}

TEST_CASE("a page replaces an earlier one, and a run without steps has one",
          "[app][training_log]") {
  const strata::test::Folder folder;
  const auto path = folder.write("run.html", "old");
  Page page;
  page.title = "Nothing yet";
  write_page(path, page);
  CHECK(std::filesystem::file_size(path) > 1000);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()),
                      std::filesystem::directory_iterator{}) == 1);
}
