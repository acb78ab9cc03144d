#include "core/run/heartbeats.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/error.hpp"

namespace strata::run {
namespace {

// Takes the number that the text begins with, and the space behind it.
uint64_t number(std::string_view& text) {
  uint64_t out = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || (at != end && *at != ' '))
    throw Error("ranks", "a message of another rank cannot be read",
                "start the same version of the program on all ranks");
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(at - text.data()) + 1));
  return out;
}

// How much the rank has done.
std::pair<uint64_t, uint64_t> done(const Beat& beat) { return {beat.changes, beat.calls}; }

std::string seconds(std::chrono::milliseconds time) {
  if (time.count() % 1000 != 0) return std::to_string(time.count()) + " ms";
  return std::to_string(time.count() / 1000) + " s";
}

}  // namespace

std::string text_of(const Beat& beat) {
  return std::to_string(beat.number) + ' ' + std::to_string(beat.changes) + ' ' +
         std::to_string(beat.count) + ' ' + std::to_string(beat.unit) + ' ' +
         std::to_string(beat.calls) + (beat.ended ? " 1" : " 0");
}

Beat beat_of(std::string_view text) {
  Beat out;
  out.number = number(text);
  out.changes = number(text);
  out.count = number(text);
  out.unit = static_cast<uint32_t>(number(text));
  out.calls = number(text);
  out.ended = number(text) != 0;
  return out;
}

std::string text_of(const Lost& lost) { return std::to_string(lost.rank) + ' ' + lost.reason; }

Lost lost_of(std::string_view text) {
  const auto rank = static_cast<uint32_t>(number(text));
  return {rank, std::string(text)};
}

std::string silent_for(std::chrono::milliseconds time) {
  return "it gave no heartbeat for " + seconds(time) +
         ": it was killed or stopped, or cannot be reached";
}

Heartbeats::Heartbeats(uint32_t ranks, std::chrono::milliseconds heartbeat,
                       std::chrono::milliseconds stall)
    : heartbeat_(heartbeat), stall_(stall), seen_(ranks) {}

std::optional<Lost> Heartbeats::take(std::span<const Beat> beats, Clock::time_point now) {
  const bool first = !last_;
  const auto held_up = first || now - *last_ > heartbeat_ ? now - last_.value_or(now) : now - now;
  last_ = now;
  for (std::size_t rank = 0; rank < seen_.size(); ++rank) {
    auto& seen = seen_[rank];
    seen.beaten += held_up;
    seen.moved += held_up;
    if (first || beats[rank].number != seen.beat.number) seen.beaten = now;
    if (first || done(beats[rank]) != done(seen.beat)) seen.moved = now;
    seen.beat = beats[rank];
  }
  for (uint32_t rank = 0; rank < seen_.size(); ++rank)
    if (const auto& seen = seen_[rank]; !seen.beat.ended && now - seen.beaten > heartbeat_)
      return Lost{rank, silent_for(heartbeat_)};
  return stalled(now);
}

// A rank that waits for another makes no progress, too: the one that did the least holds it up, and
// as long as that one goes on, nothing is wrong.
std::optional<Lost> Heartbeats::stalled(Clock::time_point now) const {
  if (std::ranges::none_of(seen_, [](const Seen& seen) { return seen.beat.changes > 0; }))
    return {};
  const Seen* behind = nullptr;
  for (const auto& seen : seen_)
    if (!seen.beat.ended && (!behind || done(seen.beat) < done(behind->beat) ||
                             (done(seen.beat) == done(behind->beat) && seen.moved < behind->moved)))
      behind = &seen;
  if (!behind || now - behind->moved <= stall_) return {};
  const auto& at = behind->beat;
  return Lost{static_cast<uint32_t>(behind - seen_.data()),
              "it made no progress for " + seconds(stall_) +
                  (at.changes == 0 ? ": it has not begun"
                                   : ": it is in unit " + std::to_string(at.unit) + ", step " +
                                         std::to_string(at.count))};
}

}  // namespace strata::run
