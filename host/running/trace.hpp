// A run's timeline as a Chrome trace (chrome://tracing, ui.perfetto.dev).
#pragma once
#include <span>
#include <string>

#include "core/run/session.hpp"

namespace strata::host {

// A JSON array of complete events, a thread a lane, times in microseconds from the first one's
// beginning; written whole or not at all. Nothing without a path.
void write_trace(const std::string& path, std::span<const zero::Span> timeline,
                 std::span<const zero::Unit> units);
// What was measured; waits for what was fetched ahead.
void write_trace(const std::string& path, run::Session& session);

}  // namespace strata::host
