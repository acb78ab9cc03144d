#include "app/finetune/writing_rank.hpp"

#include <charconv>
#include <string>

#include "core/error.hpp"

namespace strata::app {
namespace {

// These are the messages beside those that name a unit by its number.
constexpr std::string_view wait = "wait", no_more = "end";

constexpr std::chrono::seconds silence{5};

}  // namespace

void WritingRank::say(std::string_view message) {
  control_.broadcast(message);
  said_ = Clock::now();
}

const float* WritingRank::values(std::uint32_t unit) {
  if (values_ && unit_ == unit) return values_;
  values_ = nullptr;
  say(std::to_string(unit));
  values_ = gather_(unit).data();
  unit_ = unit;
  return values_;
}

void WritingRank::still_writing() {
  if (Clock::now() - said_ >= silence) say(wait);
}

void WritingRank::end() { say(no_more); }

void follow_writing(run::Group& group, const GatherUnit& gather) {
  for (;;) {
    const auto message = group.control().broadcast({});
    if (message == no_more) return;
    if (message == wait) continue;
    std::uint32_t unit = 0;
    const auto* end = message.data() + message.size();
    const auto [read, error] = std::from_chars(message.data(), end, unit);
    if (error != std::errc() || read != end)
      throw Error("rank 0", "its message '" + printable(message) + "' names no unit",
                  "this is a mistake in Strata");
    gather(unit);
  }
}

}  // namespace strata::app
