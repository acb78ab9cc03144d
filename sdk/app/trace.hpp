// A run's timeline as a Chrome trace (chrome://tracing, ui.perfetto.dev).
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/run/session.hpp"

namespace strata::app {

// "copy" and "fetch", as a trace names them.
const char* lane_name(device::Lane lane);
const char* kind_name(zero::Kind kind);

// Every trace begins so.
inline constexpr std::string_view trace_beginning = R"([{"args":{"name":")";

// Refuses a `path` of --trace where another file is than a trace; throws UsageError.
void need_trace_place(const std::string& path);

// Writes a JSON array of complete events, one thread for each lane, with times in microseconds from
// the first event's beginning; the file is written whole or not at all. Does nothing without a
// path.
void write_trace(const std::string& path, std::span<const zero::Span> timeline,
                 std::span<const zero::Unit> units);
// Writes the measured timeline of the session; waits for its prefetches.
void write_trace(const std::string& path, run::Session& session);

}  // namespace strata::app
