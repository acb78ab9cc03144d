#include "host/process/error_words.hpp"

#include <new>
#include <system_error>

namespace strata::host {

std::string error_words(const std::exception& failure) {
  if (dynamic_cast<const Error*>(&failure)) return failure.what();
  if (dynamic_cast<const std::bad_alloc*>(&failure))
    return "memory: the host has no more: give smaller budgets or batches";
  if (dynamic_cast<const std::system_error*>(&failure))  // a thread cannot be started
    return std::string("system: ") + failure.what() +
           ": raise the limits of memory and processes (ulimit)";
  return printable(failure.what(), 2000);
}

Exit error_status(const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  return error ? error->status() : Exit::failed;
}

}  // namespace strata::host
