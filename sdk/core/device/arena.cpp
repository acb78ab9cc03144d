#include "core/device/arena.hpp"

#include <cstring>
#include <string>

#include "core/error.hpp"

namespace strata::device {
namespace {

Pages take(std::uint64_t bytes) {
  try {
    return Pages(bytes);
  } catch (const std::bad_alloc&) {
    throw Error("host memory", std::to_string(bytes) + " bytes refused",
                "lower the budget or free some memory");
  }
}

}  // namespace

Arena::Arena(std::uint64_t bytes, Locked locked) : pages_(take(bytes)) {
  if (locked == Locked::no) return;
  if (const int error = pages_.lock())
    throw Error("host memory",
                std::to_string(bytes) + " bytes cannot be locked (" + std::strerror(error) + ")",
                "raise the locked-memory limit or use --offload cpu");
}

}  // namespace strata::device
