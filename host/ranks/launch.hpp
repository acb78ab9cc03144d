// Starts the ranks of --ranks on this machine and stays as their parent.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace strata::host {

// Runs this program `ranks` times with the same arguments (those after the program's name) and
// returns the status to end with, after one error line where they failed. Signals that end a
// program go to all ranks, which have ten seconds then, or any time where the command `finishes`.
// If one rank ends with an error, is killed, or is stopped for two seconds, the others are ended
// within five. [main-thread]
int launch(const std::vector<std::string>& arguments, std::uint32_t ranks, bool finishes);

}  // namespace strata::host
