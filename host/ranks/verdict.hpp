// One line and one status from the ends of all ranks.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace strata::host {

// The end of a rank's process.
struct RankEnd {
  std::uint32_t rank = 0;
  int status = 0;        // that it ended with; of no meaning beside a signal
  int signal = 0;        // that ended it; 0: none did
  bool asked = false;    // this process had sent it a signal before
  bool stopped = false;  // it was stopped and did not continue
  std::string error{};   // its error line, without "error: "
};

struct Verdict {
  int status = 0;
  std::string line;  // of the error; empty: there is none
};

// An error that all ranks share is one of none: its line has no rank. Every other line begins with
// one rank's name. `ends` are in the order of time. `signal`: the user's, by which this process
// ends; 0: none. A killed or stopped rank is named before one that said an error, and that one
// before those which say that another is lost.
Verdict verdict_of(const std::vector<RankEnd>& ends, int signal);

}  // namespace strata::host
