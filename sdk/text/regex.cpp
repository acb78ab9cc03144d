#include "text/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <time.h>

#include <algorithm>
#include <stdexcept>

#include "text/pattern.hpp"

namespace strata::text {
namespace {

constexpr std::size_t longest_pattern = 16 << 10;
// The number of start positions that a search tries before it checks the time.
constexpr std::size_t window = 64;
constexpr std::size_t jit_stack = 4 << 20;

// The CPU seconds of this thread: a machine that stalls does not end a search.
double work() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

bool inside_sequence(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) >> 6) == 2;
}

std::string message(int code) {
  PCRE2_UCHAR words[160];
  if (pcre2_get_error_message(code, words, sizeof words) < 0) return std::to_string(code);
  return reinterpret_cast<const char*>(words);
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct RegexRoom::State {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, jit_stack, nullptr);

  ~State() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
};

RegexRoom::RegexRoom(std::size_t bytes) : bytes_(bytes) {}

void RegexRoom::check_size(std::size_t bytes) const {
  // Unicode's forms make a text at most 18 times as long.
  if (bytes > std::min<std::size_t>(64 * bytes_ + (1 << 20), 1 << 30))
    throw std::runtime_error("the tokenizer makes the text too long");
}

RegexRoom::State& RegexRoom::state() {
  if (state_) return *state_;
  state_ = std::make_unique<State>();
  if (!state_->data || !state_->context || !state_->stack) throw std::bad_alloc();
  deadline_ = work() + 3 + 20e-6 * static_cast<double>(bytes_);
  pcre2_jit_stack_assign(state_->context, nullptr, state_->stack);
  // A run of white space backtracks once a byte, so the limit grows with the text.
  const auto steps = std::min<std::size_t>(200'000 + 10 * bytes_, 2'000'000'000);
  pcre2_set_match_limit(state_->context, static_cast<uint32_t>(steps));
  pcre2_set_heap_limit(state_->context, 64 << 10);  // KiB
  return *state_;
}

RegexRoom::~RegexRoom() = default;

void RegexRoom::check_time() {
  if (work() > deadline_) throw std::runtime_error("the pattern takes too long on the text");
}

Regex::Regex(std::string_view source, Kind kind) {
  if (source.size() > longest_pattern) throw std::invalid_argument("the pattern is too long");
  if (kind == Kind::literal)
    literal_ = source;
  else
    compile(pcre2_pattern(source), PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
}

Regex Regex::word() {
  Regex regex;
  regex.compile(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}])", PCRE2_UCP);
  return regex;
}

void Regex::compile(std::string_view pattern, uint32_t options) {
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE place = 0;
  auto* code = pcre2_compile(units(pattern), pattern.size(),
                             options | PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_USE_OFFSET_LIMIT,
                             &error, &place, context.get());
  if (!code) throw std::invalid_argument(message(error));
  code_ = std::shared_ptr<const void>(
      code, [](const void* c) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(c))); });
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT the pattern is interpreted
}

std::optional<Regex::Span> Regex::find(std::string_view text, std::size_t from,
                                       RegexRoom& room) const {
  if (!code_) {
    const auto at = literal_.empty() ? text.npos : text.find(literal_, from);
    if (at == text.npos) return std::nullopt;
    return Span{at, at + literal_.size()};
  }
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  auto& state = room.state();
  while (true) {
    auto last = std::min(text.size(), from + window);
    while (inside_sequence(text, last)) --last;
    pcre2_set_offset_limit(state.context, last);
    const int found = pcre2_match(code, units(text), text.size(), from, PCRE2_NO_UTF_CHECK,
                                  state.data, state.context);
    if (found >= 0) {
      if (++room.calls_ % 64 == 0) room.check_time();
      const auto* at = pcre2_get_ovector_pointer(state.data);
      return Span{at[0], at[1]};
    }
    if (found != PCRE2_ERROR_NOMATCH) throw std::runtime_error(message(found));
    if (last == text.size()) return std::nullopt;
    from = last;
    room.check_time();
  }
}

void Regex::parts(std::string_view text, RegexRoom& room, std::vector<Part>& out) const {
  std::size_t done = 0;
  std::size_t from = 0;
  bool first = true;
  while (from <= text.size()) {
    const auto found = find(text, from, room);
    if (!found) break;
    if (found->begin == found->end && !first && found->end == done) {
      do ++from;
      while (inside_sequence(text, from));
      continue;
    }
    if (found->begin > done) out.push_back({text.substr(done, found->begin - done), false});
    out.push_back({text.substr(found->begin, found->end - found->begin), true});
    from = done = found->end;
    first = false;
  }
  if (done < text.size()) out.push_back({text.substr(done), false});
}

bool Regex::matches(std::string_view text, RegexRoom& room) const {
  return find(text, 0, room).has_value();
}

bool Regex::starts(std::string_view text, RegexRoom& room) const {
  const auto found = find(text, 0, room);
  return found && found->begin == 0 && found->end > 0;
}

}  // namespace strata::text
