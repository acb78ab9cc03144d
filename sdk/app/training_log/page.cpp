#include "app/training_log/page.hpp"

#include <algorithm>
#include <cmath>

#include "app/training_log/curves.hpp"
#include "app/training_log/html_text.hpp"
#include "app/training_log/lanes.hpp"
#include "app/training_log/number_text.hpp"
#include "core/source/output.hpp"

namespace strata::training_log {
namespace {

// The policy makes a browser refuse every script and every load, whatever the texts of a run hold.
constexpr const char* head = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<style>
:root { color-scheme: light dark; --page: #fcfcfb; --ink: #1f1f1d; --soft: #62615c; --grid: #e2e1dc;
  --c0: #2a6fc9; --c1: #d2600f; --c2: #17825d; --c3: #8a4fc0; --c4: #b38600; --c5: #c23a6e; --c6: #2b8ea3;
  --c7: #7a5c3e; --c8: #85847e; }
@media (prefers-color-scheme: dark) { :root { --page: #191918; --ink: #efeeea; --soft: #a9a8a1;
  --grid: #383734; --c0: #5a9bee; --c1: #f08a3c; --c2: #3fb68b; --c3: #b48ae6; --c4: #d9b13a; --c5: #ec7aa5;
  --c6: #58bdd3; --c7: #b89a7b; --c8: #8f8e88; } }
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2em auto;
  max-width: 980px; padding: 0 1em; overflow-wrap: anywhere; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin: 2em 0 .4em; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px;
  dominant-baseline: middle; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--grid); stroke-width: 1; } .curve { fill: none; stroke-width: 1.5; }
.legend span { margin-right: 1.2em; } .legend i { display: inline-block; width: .8em; height: .8em;
  margin-right: .4em; border-radius: 2px; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .15em 1.5em .15em 0;
  border-bottom: 1px solid var(--grid); } th { font-weight: normal; color: var(--soft); white-space: nowrap; }
</style>
)html";

using Rows = std::vector<std::pair<std::string, std::string>>;

void add_table(std::string& out, const Rows& rows) {
  out += "<table>\n";
  for (const auto& [name, value] : rows)
    out += "<tr>" + element("th", {{"scope", "row"}}, name) + element("td", {}, value) + "</tr>\n";
  out += "</table>\n";
}

void add_section(std::string& out, const std::string& title, const std::string& content) {
  out += element("h2", {}, title) + "\n" + content + "\n";
}

std::string best_text(std::span<const ValidationRecord> validations) {
  const auto best = std::ranges::min_element(validations, [](const auto& a, const auto& b) {
    return std::isfinite(a.loss) && (!std::isfinite(b.loss) || a.loss < b.loss);
  });
  return fixed(best->loss, 4) + " after step " + std::to_string(best->step);
}

// The run in a few numbers.
Rows facts(const Page& page) {
  Rows rows;
  if (page.steps.empty()) return rows;
  const auto& last = page.steps.back();
  uint64_t tokens = 0, skipped = 0;
  double seconds = 0;
  for (const auto& step : page.steps) {
    tokens += step.tokens;
    seconds += step.seconds;
    if (step.skipped) ++skipped;
  }
  rows.emplace_back("steps", std::to_string(last.step) +
                                 (last.total > 0 ? " of " + std::to_string(last.total) : ""));
  if (skipped > 0) rows.emplace_back("skipped steps", grouped(skipped));
  rows.emplace_back("loss of the first and the last step",
                    fixed(page.steps.front().loss, 4) + ", " + fixed(last.loss, 4));
  if (!page.validations.empty()) {
    rows.emplace_back("last validation loss", fixed(page.validations.back().loss, 4));
    rows.emplace_back("best validation loss", best_text(page.validations));
  }
  rows.emplace_back("tokens", grouped(tokens));
  rows.emplace_back("time of the steps", duration_text(seconds));
  if (seconds > 0)
    rows.emplace_back("tokens a second", significant(static_cast<double>(tokens) / seconds));
  return rows;
}

template <class Records, class Value>
std::vector<Point> points_of(const Records& records, Value value) {
  std::vector<Point> points;
  points.reserve(records.size());
  for (const auto& record : records)
    points.push_back({static_cast<double>(record.step), value(record)});
  return points;
}

std::string loss_svg(const Page& page) {
  std::vector<Curve> curves;
  curves.push_back({"training", points_of(page.steps, [](const auto& s) { return s.loss; })});
  if (!page.validations.empty())
    curves.push_back(
        {"validation", points_of(page.validations, [](const auto& v) { return v.loss; }), true});
  return curves_svg("Loss", curves);
}

}  // namespace

const std::string_view page_beginning =
    std::string_view(head).substr(0, std::string_view(head).find("<meta name="));

std::string page_html(const Page& page) {
  std::string out = head;
  out += element("title", {}, page.title) + "</head>\n<body>" + element("h1", {}, page.title);
  for (const auto& note : page.notes) out += "\n" + element("p", {}, note);
  if (const auto rows = facts(page); !rows.empty()) add_table(out, rows);
  add_section(out, "Loss", loss_svg(page));
  add_section(out, "Learning rate",
              curves_svg("Learning rate",
                         {{"lr", points_of(page.steps, [](const auto& s) { return s.lr; })}}));
  add_section(
      out, "Norm of the gradients",
      curves_svg("Norm of the gradients",
                 {{"norm", points_of(page.steps, [](const auto& s) { return s.grad_norm; })}}));
  add_section(out, "One step", lanes_svg(page.timeline));
  add_section(out, "Settings", "");
  add_table(out, page.settings);
  return out + "</body></html>\n";
}

void write_page(const std::string& path, const Page& page) {
  source::write_whole(path, page_html(page));
}

}  // namespace strata::training_log
