#include "app/trace.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/earlier_file.hpp"
#include "core/source/output.hpp"

namespace strata::app {
namespace {

constexpr const char* lanes[] = {"io", "copy", "comm", "compute", "back", "host"};
constexpr const char* kinds[] = {"fetch",   "gather",  "expand", "run",    "rerun",
                                 "release", "scatter", "store",  "reduce", "update"};

nlohmann::json event(const zero::Span& span, const std::string& unit, double origin) {
  const auto lane = static_cast<std::size_t>(span.lane);
  const auto* kind = kinds[static_cast<std::size_t>(span.kind)];
  return {{"ph", "X"},
          {"pid", 1},
          {"tid", lane},
          {"cat", kind},
          {"name", std::string(kind) + " " + unit},
          {"ts", (span.begin - origin) * 1e6},
          {"dur", (span.end - span.begin) * 1e6}};
}

}  // namespace

const char* lane_name(device::Lane lane) { return lanes[static_cast<std::size_t>(lane)]; }
const char* kind_name(zero::Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

void need_trace_place(const std::string& path) {
  need_earlier_file("--trace", path, trace_beginning);
}

void write_trace(const std::string& path, std::span<const zero::Span> timeline,
                 std::span<const zero::Unit> units) {
  if (path.empty()) return;
  auto events = nlohmann::json::array();
  for (std::size_t lane = 0; lane < device::lanes; ++lane)
    events.push_back({{"ph", "M"},
                      {"pid", 1},
                      {"tid", lane},
                      {"name", "thread_name"},
                      {"args", {{"name", lanes[lane]}}}});
  double origin = std::numeric_limits<double>::infinity();
  for (const auto& span : timeline) origin = std::min(origin, span.begin);
  for (const auto& span : timeline)
    if (span.kind != zero::Kind::release)
      events.push_back(event(span, units[span.unit].name, origin));
  source::write_whole(path, events.dump());
}

void write_trace(const std::string& path, run::Session& session) {
  if (path.empty()) return;
  session.finish();
  const std::vector<zero::Span> timeline(session.trace().begin(), session.trace().end());
  write_trace(path, timeline, session.prepared().units);
}

}  // namespace strata::app
