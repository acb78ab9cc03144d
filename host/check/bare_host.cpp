#include "host/check/bare_host.hpp"

#include <string_view>

#include "core/plugin/words.hpp"

namespace strata::check {
namespace {

const void* get(const strata_host*, strata_str) noexcept { return nullptr; }

strata_status fail(const strata_host*, strata_status status, strata_str words) noexcept {
  return plugin::keep_words(status, words.p ? std::string_view(words.p, words.n) : "");
}

void log(const strata_host*, std::int32_t, strata_str) noexcept {}

std::int32_t on_thread(const strata_host*, std::int32_t) noexcept { return 1; }

constexpr strata_host host{
    {sizeof(strata_host), 0}, STRATA_ABI_MAJOR, STRATA_ABI_MINOR, get, fail, log, on_thread};

}  // namespace

const strata_host* bare_host() { return &host; }

}  // namespace strata::check
