// The program's end by the user's wish, not by a failure: no message is printed.
#pragma once

namespace strata::host {

// Thrown to end the program with this status and without an error line: 0 where the reader of
// standard output closed it, 130 after Ctrl-C, 143 after SIGTERM.
struct Ended {
  int status = 0;
};

}  // namespace strata::host
