#include "core/plugin/words.hpp"

#include <new>
#include <utility>

#include "core/error.hpp"

namespace strata::plugin {
namespace {

std::string& slot() {
  thread_local std::string words;
  return words;
}

}  // namespace

strata_status keep_words(strata_status status, std::string_view words) noexcept {
  try {
    slot() = words;
  } catch (...) {
    slot().clear();
  }
  return status;
}

std::string take_words() { return printable(std::exchange(slot(), {}), 2000); }

strata_status report_exception() noexcept {
  try {
    throw;
  } catch (const Error& e) {
    return keep_words(STRATA_INVALID, e.what());
  } catch (const std::bad_alloc&) {
    return keep_words(STRATA_EXHAUSTED, "out of host memory");
  } catch (const std::exception& e) {
    return keep_words(STRATA_INTERNAL, e.what());
  } catch (...) {
    return keep_words(STRATA_INTERNAL, "an exception of an unknown type");
  }
}

}  // namespace strata::plugin
