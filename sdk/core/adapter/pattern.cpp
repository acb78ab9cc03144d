#include "core/adapter/pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <time.h>

#include <cctype>
#include <new>

#include "core/error.hpp"

namespace strata::adapter {
namespace {

constexpr std::size_t longest_pattern = 16 << 10;
constexpr uint32_t most_steps = 100'000;  // of one match
constexpr double most_seconds = 2;
constexpr auto remedy = "correct adapter_config.json";

// The CPU seconds of this thread: a machine that stalls does not end a search.
double work() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string message(int code) {
  PCRE2_UCHAR words[160];
  if (pcre2_get_error_message(code, words, sizeof words) < 0) return std::to_string(code);
  return reinterpret_cast<const char*>(words);
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct Effort::State {
  pcre2_match_data* data = pcre2_match_data_create(16, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  double deadline = work() + most_seconds;
  unsigned calls = 0;

  State() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context, most_steps);
    pcre2_set_heap_limit(context, 16 << 10);  // KiB
  }
  ~State() {
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Effort::Effort() : state_(std::make_unique<State>()) {}
Effort::~Effort() = default;

Pattern::Pattern(std::string_view source, std::string_view who) : who_(who) {
  if (source.size() > longest_pattern) throw Error(who_, "the pattern is too long", remedy);
  int error = 0;
  PCRE2_SIZE place = 0;
  constexpr uint32_t how =
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_INVALID_UTF;
  auto* code = pcre2_compile(units(source), source.size(), how, &error, &place, nullptr);
  if (!code)
    throw Error(who_, "'" + printable(source, 60) + "' is no pattern: " + message(error), remedy);
  code_ = std::shared_ptr<const void>(
      code, [](const void* c) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(c))); });
}

bool Pattern::matches(std::string_view name, Effort& effort, uint32_t how,
                      std::string_view* index) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  auto& state = *effort.state_;
  if (++state.calls % 64 == 0 && work() > state.deadline)
    throw Error(who_, "its patterns take too long on the model's modules", remedy);
  const int found = pcre2_match(code, units(name), name.size(), 0, how, state.data, state.context);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) throw Error(who_, "a pattern is too complex: " + message(found), remedy);
  if (!index) return true;
  const auto number = pcre2_substring_number_from_name(code, units("idx"));
  const auto* at = pcre2_get_ovector_pointer(state.data) + 2 * number;
  const bool took_part = number > 0 && number < found && at[0] != PCRE2_UNSET;
  *index = took_part ? name.substr(at[0], at[1] - at[0]) : std::string_view();
  return true;
}

bool Pattern::begins(std::string_view name, Effort& effort, std::string_view* index) const {
  return matches(name, effort, PCRE2_ANCHORED, index);
}

bool Pattern::whole(std::string_view name, Effort& effort) const {
  return matches(name, effort, PCRE2_ANCHORED | PCRE2_ENDANCHORED, nullptr);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && !std::isalnum(byte) && c != '_') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace strata::adapter
