#include "host/ranks/preparing_group.hpp"

#include <algorithm>

#include "app/ranks.hpp"
#include "host/process/rank_name.hpp"

namespace strata::host {
namespace {

// The first byte of each message: its text follows, the rank waits for what rank 0 makes, or it has
// failed, for options or for another reason, and its words follow.
constexpr char text = '+', waits = '=', wrong_options = '2', failed = '1';

bool has_failed(const std::string& message) {
  return message.starts_with(failed) || message.starts_with(wrong_options);
}

[[noreturn]] void throw_of(const std::vector<std::string>& messages) {
  const auto first = std::ranges::find_if(messages, has_failed);
  const auto others_wait = [&] {
    return first == messages.begin() &&
           std::all_of(first + 1, messages.end(), [](const auto& one) { return one[0] == waits; });
  };
  const bool alike = std::ranges::all_of(messages, [&](const auto& one) { return one == *first; });
  auto words = first->substr(1);
  if (!alike && !others_wait())
    words = named(static_cast<std::uint32_t>(first - messages.begin()), std::move(words));
  throw app::SharedError(words, first->front() == wrong_options ? Exit::usage : Exit::failed);
}

}  // namespace

device::Collective& PreparingGroup::data() {
  prepares_ = false;
  return group_->data();
}

// Other ranks may still prepare when this one has asked for the data, so that each message says
// what it is.
std::vector<std::string> PreparingGroup::exchange(std::string mine) {
  auto messages = group_->control().all_gather(mine);
  if (std::ranges::any_of(messages, has_failed)) throw_of(messages);
  return messages;
}

std::vector<std::string> PreparingGroup::all_gather(std::string_view mine) {
  auto out = exchange(text + std::string(mine));
  for (auto& one : out) one.erase(0, 1);
  return out;
}

std::string PreparingGroup::broadcast(std::string_view mine) {
  if (prepares_) exchange({waits});
  return group_->control().broadcast(mine);
}

void PreparingGroup::fail_together(const std::string& words, Exit status) {
  exchange((status == Exit::usage ? wrong_options : failed) + words);
  throw app::SharedError(words, status);  // exchange has thrown
}

}  // namespace strata::host
