// The environment chooses the fault of a plugin: STRATA_FAULT=FUNCTION:DEED.
#pragma once
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace faulty {

inline bool is(std::string_view fault) {
  const char* chosen = std::getenv("STRATA_FAULT");
  return chosen && fault == chosen;
}

inline int deep(volatile char* above) {
  volatile char here[4096];
  here[0] = above ? above[0] : '\0';
  return deep(here) + here[0];
}

// Called first in every function of a faulty plugin.
inline void deed(const std::string& function) {
  if (is(function + ":throw")) throw std::runtime_error("tired");
  if (is(function + ":throw-int")) throw 5;
  if (is(function + ":exit")) std::exit(0);
  if (is(function + ":_exit")) _exit(0);
  if (is(function + ":quick_exit")) std::quick_exit(0);
  if (is(function + ":abort")) std::abort();
  if (is(function + ":segv")) ::raise(SIGSEGV);
  if (is(function + ":null")) *reinterpret_cast<volatile int*>(8) = 1;
  if (is(function + ":stack")) deep(nullptr);
  if (is(function + ":term")) ::raise(SIGTERM);
  if (is(function + ":alarm")) ::raise(SIGALRM);
  if (is(function + ":terminate")) std::terminate();
  if (is(function + ":thread")) std::thread([] { throw std::runtime_error("tired"); }).join();
  if (is(function + ":hang"))
    for (;;) ::pause();
}

}  // namespace faulty
