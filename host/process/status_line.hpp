// A line of text that stands for the present: on a terminal the next one replaces it, elsewhere a
// plain line is printed now and then.
#pragma once
#include <unistd.h>

#include <chrono>
#include <string_view>

namespace strata::host {

class StatusLine {
 public:
  // The least times between two lines on a terminal and elsewhere; with `wait` the first one too
  // comes after that time, so that short work shows none.
  StatusLine(std::chrono::milliseconds on_terminal, std::chrono::milliseconds elsewhere, bool wait,
             int descriptor = STDERR_FILENO);

  // Whether that time is over, so that the words are only made for lines that are shown.
  bool due() const;
  // Shows the line, due or not. On a terminal it is cut to the terminal's width.
  void show(std::string_view line);
  // Removes the line from the terminal, at the end or before another line is printed.
  void clear();

 private:
  int descriptor_;
  bool terminal_, shown_ = false;
  std::chrono::milliseconds between_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace strata::host
