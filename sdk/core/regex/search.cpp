#include "core/regex/search.hpp"

#include <time.h>

#include <algorithm>
#include <new>
#include <stdexcept>

namespace strata::regex {
namespace {

// The CPU seconds of this thread: a machine that stalls does not end a search.
double work() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::string message(int code) {
  PCRE2_UCHAR words[160];
  if (pcre2_get_error_message(code, words, sizeof words) < 0) return std::to_string(code);
  return reinterpret_cast<const char*>(words);
}

std::shared_ptr<const pcre2_code> compile(std::string_view pattern, std::uint32_t options) {
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE place = 0;
  auto* code =
      pcre2_compile(units(pattern), pattern.size(), options, &error, &place, context.get());
  if (!code) throw std::invalid_argument(message(error));
  return {code, [](const pcre2_code* c) { pcre2_code_free(const_cast<pcre2_code*>(c)); }};
}

Search::Search(const Limits& limits)
    : data_(pcre2_match_data_create(limits.pairs, nullptr)),
      context_(pcre2_match_context_create(nullptr)), deadline_(work() + limits.seconds) {
  if (!data_ || !context_) {
    pcre2_match_context_free(context_);
    pcre2_match_data_free(data_);
    throw std::bad_alloc();
  }
  constexpr std::size_t most = 2'000'000'000;
  pcre2_set_match_limit(context_, static_cast<std::uint32_t>(std::min(limits.steps, most)));
  pcre2_set_heap_limit(context_, limits.heap);
}

Search::~Search() {
  pcre2_match_context_free(context_);
  pcre2_match_data_free(data_);
}

bool Search::late() const { return work() > deadline_; }

}  // namespace strata::regex
