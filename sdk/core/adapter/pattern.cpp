#include "core/adapter/pattern.hpp"

#include <cctype>
#include <stdexcept>

#include "core/regex/search.hpp"

namespace strata::adapter {

struct Effort::State {
  regex::Search search{{.seconds = 2, .steps = 100'000, .heap = 16 << 10, .pairs = 16}};
};

Effort::Effort() : state_(std::make_unique<State>()) {}
Effort::~Effort() = default;

Pattern::Pattern(std::string_view source, std::string_view who, std::string_view remedy,
                 Exit status)
    : who_(who), remedy_(remedy), status_(status) {
  if (source.size() > regex::longest_pattern) fail("the pattern is too long");
  try {
    code_ = regex::compile(
        source, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_INVALID_UTF);
  } catch (const std::invalid_argument& fact) {
    fail("'" + printable(source, 60) + "' is no pattern: " + fact.what());
  }
}

void Pattern::fail(const std::string& what) const { throw Error(who_, what, remedy_, status_); }

bool Pattern::matches(std::string_view name, Effort& effort, uint32_t how,
                      std::string_view* index) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  auto& search = effort.state_->search;
  if (search.late_sampled()) fail("its patterns take too long on the model's modules");
  const int found =
      pcre2_match(code, regex::units(name), name.size(), 0, how, search.data(), search.context());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) fail("a pattern is too complex: " + regex::message(found));
  if (!index) return true;
  const auto number = pcre2_substring_number_from_name(code, regex::units("idx"));
  const auto* at = pcre2_get_ovector_pointer(search.data()) + 2 * number;
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
