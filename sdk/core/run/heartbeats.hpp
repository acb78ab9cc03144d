// The judge over the heartbeats of all ranks: pure, so that its clock can be a test's.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/run/group.hpp"

namespace strata::run {

// A rank's heartbeat.
struct Beat {
  uint64_t number = 0;   // grows with each one
  uint64_t changes = 0;  // how often the rank called progress()
  uint64_t count = 0;    // of its last call, as is the unit
  uint32_t unit = 0;
  uint64_t calls = 0;  // collectives that it has begun
  bool ended = false;  // it said good-bye
  friend bool operator==(const Beat&, const Beat&) = default;
};

std::string text_of(const Beat& beat);
// Throws Error for text that is none.
Beat beat_of(std::string_view text);

std::string text_of(const Lost& lost);
Lost lost_of(std::string_view text);

// The reason of a rank without a heartbeat for so long.
std::string silent_for(std::chrono::milliseconds time);

class Heartbeats {
 public:
  using Clock = std::chrono::steady_clock;
  Heartbeats(uint32_t ranks, std::chrono::milliseconds heartbeat, std::chrono::milliseconds stall);

  // Takes the heartbeats that all ranks have at that time, and returns the first rank that is lost:
  // one whose heartbeat is too old, or the one that is furthest behind, where it makes no progress
  // for too long: of ranks in the same unit, one that has not begun the collective in which the
  // others wait for it. Time in which the caller itself was held up is not counted.
  std::optional<Lost> take(std::span<const Beat> beats, Clock::time_point now);

 private:
  struct Seen {
    Beat beat;
    Clock::time_point beaten, moved;  // when the number, and when the progress, changed last
  };

  std::optional<Lost> stalled(Clock::time_point now) const;

  std::chrono::milliseconds heartbeat_, stall_;
  std::vector<Seen> seen_;
  std::optional<Clock::time_point> last_;
};

}  // namespace strata::run
