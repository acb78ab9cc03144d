#include "text/regex.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "core/regex/search.hpp"
#include "text/pattern.hpp"

namespace strata::text {
namespace {

// The number of start positions that a search tries before it checks the time.
constexpr std::size_t window = 64;
constexpr std::size_t jit_stack = 4 << 20;

bool inside_sequence(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) >> 6) == 2;
}

}  // namespace

struct RegexRoom::State {
  // A run of white space backtracks once a byte, so the limit of the steps grows with the text.
  explicit State(std::size_t bytes)
      : search({.seconds = 3 + 20e-6 * static_cast<double>(bytes),
                .steps = 200'000 + 10 * bytes,
                .heap = 64 << 10}) {
    if (!stack) throw std::bad_alloc();
    pcre2_jit_stack_assign(search.context(), nullptr, stack.get());
  }

  regex::Search search;
  std::unique_ptr<pcre2_jit_stack, decltype(&pcre2_jit_stack_free)> stack{
      pcre2_jit_stack_create(32 << 10, jit_stack, nullptr), pcre2_jit_stack_free};
};

RegexRoom::RegexRoom(std::size_t bytes) : bytes_(bytes) {}

void RegexRoom::check_size(std::size_t bytes) const {
  // Unicode's forms make a text at most 18 times as long.
  if (bytes > std::min<std::size_t>(64 * bytes_ + (1 << 20), 1 << 30))
    throw std::runtime_error("the tokenizer makes the text too long");
}

RegexRoom::State& RegexRoom::state() {
  if (!state_) state_ = std::make_unique<State>(bytes_);
  return *state_;
}

RegexRoom::~RegexRoom() = default;

Regex::Regex(std::string_view source, Kind kind) {
  if (source.size() > regex::longest_pattern)
    throw std::invalid_argument("the pattern is too long");
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
  auto code =
      regex::compile(pattern, options | PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_USE_OFFSET_LIMIT);
  // Without JIT the pattern is interpreted.
  pcre2_jit_compile(const_cast<pcre2_code*>(code.get()), PCRE2_JIT_COMPLETE);
  code_ = std::move(code);
}

std::optional<Regex::Span> Regex::find(std::string_view text, std::size_t from,
                                       RegexRoom& room) const {
  if (!code_) {
    const auto at = literal_.empty() ? text.npos : text.find(literal_, from);
    if (at == text.npos) return std::nullopt;
    return Span{at, at + literal_.size()};
  }
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  auto& search = room.state().search;
  const auto require_time = [](bool late) {
    if (late) throw std::runtime_error("the pattern takes too long on the text");
  };
  while (true) {
    auto last = std::min(text.size(), from + window);
    while (inside_sequence(text, last)) --last;
    pcre2_set_offset_limit(search.context(), last);
    const int found = pcre2_match(code, regex::units(text), text.size(), from, PCRE2_NO_UTF_CHECK,
                                  search.data(), search.context());
    if (found >= 0) {
      require_time(search.late_sampled());
      const auto* at = pcre2_get_ovector_pointer(search.data());
      return Span{at[0], at[1]};
    }
    if (found != PCRE2_ERROR_NOMATCH) throw std::runtime_error(regex::message(found));
    if (last == text.size()) return std::nullopt;
    from = last;
    require_time(search.late());
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
