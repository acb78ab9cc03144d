#include "host/ranks/verdict.hpp"

#include <algorithm>
#include <cstring>

#include "host/process/rank_name.hpp"
#include "host/ranks/child_output.hpp"

namespace strata::host {
namespace {

std::string name_of(const RankEnd& end) { return rank_name(end.rank); }

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

bool said_itself(const RankEnd& end) {
  return !end.error.empty() && !end.error.ends_with(look_there);
}

// Whether the error is of all ranks: each of the others said it too, or left it to this one to say,
// with the same status; or it was asked to end before it came so far with its options.
bool is_shared(const RankEnd& first, const std::vector<RankEnd>& ends) {
  if (first.signal != 0 || first.status == 0) return false;
  return std::ranges::all_of(ends, [&](const RankEnd& end) {
    if (!end.error.empty()) return end.error == first.error;
    if (end.asked) return first.status == 2;
    return end.signal == 0 && end.status == first.status;
  });
}

// The line of a rank that said an error.
std::string line_of(const RankEnd& first, const std::vector<RankEnd>& ends) {
  return is_shared(first, ends) ? first.error : named(first.rank, first.error);
}

}  // namespace

Verdict verdict_of(const std::vector<RankEnd>& ends, int signal) {
  if (signal != 0) {
    // A rank that was killed has not finished what the user's signal lets it finish.
    for (const auto& end : ends)
      if (end.signal != 0 && end.signal != signal && !end.asked && !end.stopped)
        return {1, name_of(end) + "it was ended by " + signal_name(end.signal) +
                       ": see whether memory ran out, and start all ranks again"};
    return {128 + signal, ""};
  }
  for (const auto& end : ends) {
    if (end.stopped)
      return {1, name_of(end) + "it was stopped and did not continue: start all ranks again"};
    if (end.signal != 0 && !end.asked)
      return {1, said_itself(end) ? line_of(end, ends)
                                  : name_of(end) + "it was ended by " + signal_name(end.signal) +
                                        ": see whether memory ran out, and start all ranks again"};
  }
  for (const auto& end : ends)
    if (said_itself(end))
      return {end.status == 2 ? 2 : end.status == 0 ? 0 : 1, line_of(end, ends)};
  for (const auto& end : ends)
    if (!end.error.empty()) return {1, end.error};
  for (const auto& end : ends) {
    if (end.status > 128)
      return {1, name_of(end) + "it ended by " + signal_name(end.status - 128) +
                     ": start all ranks again"};
    if (end.status != 0 || end.signal != 0)
      return {1, name_of(end) + "it ended with status " + std::to_string(end.status) +
                     look_there.data()};
  }
  return {};
}

}  // namespace strata::host
