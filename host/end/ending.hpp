// How the program ends where nothing can be thrown: by a signal, by a plugin that calls exit, by an
// exception that nobody catches. One line says whose doing it is, and what is half written is
// removed.
#pragma once

namespace strata::end {

// Takes the signals that end a program, exit and std::terminate. A signal that the parent has
// ignored stays so. SIGINT, SIGTERM and SIGHUP end with 128 and their number. [main-thread]
void install();

// The program's work is done: from here on an exit is its own. [main-thread]
void done() noexcept;

// In the place of _exit: a plugin that calls it is named, with status 1.
[[noreturn]] void quick_exit(int status, const void* caller) noexcept;

}  // namespace strata::end
