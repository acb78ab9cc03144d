// Ends of the program where nothing can be thrown: a signal, a plugin that calls exit, an exception
// that nobody catches. One line names the culprit, and half-written files are removed.
#pragma once

namespace strata::end {

// Handles the signals that end a program, exit and std::terminate. A signal that the parent has
// ignored stays so. SIGINT, SIGTERM and SIGHUP end with 128 and their number. [main-thread]
void install();

// Marks the program's work as done: from here on an exit is the program's own. [main-thread]
void done() noexcept;

// Replaces _exit: a plugin that calls it is named, and the status is 1.
[[noreturn]] void quick_exit(int status, const void* caller) noexcept;

}  // namespace strata::end
