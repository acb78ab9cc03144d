#include "core/device/arena.hpp"

#include <new>
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

Arena::Arena(std::uint64_t bytes) : pages_(take(bytes)) {}

}  // namespace strata::device
