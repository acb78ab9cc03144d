// The program's end by the user's will, not by a failure: nothing is said of it.
#pragma once

namespace strata::host {

// Thrown where the program ends with this status and without an error line: 0 where the reader of
// standard output closed it, 130 after Ctrl-C, 143 after SIGTERM.
struct Ended {
  int status = 0;
};

}  // namespace strata::host
