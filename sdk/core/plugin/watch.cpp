#include "core/plugin/watch.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "core/plugin/calling.hpp"

namespace strata::plugin {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// The time after which a function that has not returned is named.
seconds told_after(Pace pace) { return pace == Pace::quick ? seconds(5) : seconds(10); }

std::string took(seconds time) { return std::to_string(time.count()) + " s"; }

}  // namespace

Watch::Watch(seconds patience, Say say)
    : patience_(patience), say_(std::move(say)), thread_([this] { work(); }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void Watch::work() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, seconds(1), [this] { return stop_; })) look();
}

void Watch::look() {
  std::vector<std::string> late;
  std::optional<std::string> over;
  each_running([&](const Calling& calling) {
    const auto name = std::string(calling.who()) + ": " + calling.function();
    const auto time = std::chrono::duration_cast<seconds>(Clock::now() - calling.since());
    if (calling.pace() == Pace::quick && patience_.count() > 0 && time >= patience_)
      over = name + " has not returned for " + took(time) +
             ": report this to the plugin's vendor, or raise plugins.patience";
    else if (time >= told_after(calling.pace()) && told_.insert(name).second)
      late.push_back(name + " has not returned for " + took(time));
  });
  for (const auto& words : late) say_(words);
  if (over) end_program(over->c_str());
}

}  // namespace strata::plugin
