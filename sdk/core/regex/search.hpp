// Compiled patterns of PCRE2, and searches within limits. Sources alone include it, no headers: it
// brings the names of PCRE2.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace strata::regex {

inline constexpr std::size_t longest_pattern = 16 << 10;  // bytes, as it is given

// The text as PCRE2 takes it.
PCRE2_SPTR units(std::string_view text);

// The words for an error code of PCRE2.
std::string message(int code);

// Compiles a pattern whose lines end in "\n". Throws std::invalid_argument with the fact where it
// is none.
std::shared_ptr<const pcre2_code> compile(std::string_view pattern, std::uint32_t options);

// The bounds of all searches together.
struct Limits {
  double seconds;           // of the thread's work
  std::size_t steps;        // of one match
  std::uint32_t heap;       // KiB
  std::uint32_t pairs = 1;  // of offsets that a match gives: one, and one for each group
};

// The memory that searches share, and the work that they have left. For the thread that made it.
class Search {
 public:
  explicit Search(const Limits& limits);
  ~Search();
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  pcre2_match_data* data() const { return data_; }
  pcre2_match_context* context() const { return context_; }

  // Whether the time is over.
  bool late() const;
  // The same for a step that is often done: only every 64th call looks at the clock.
  bool late_sampled() { return ++calls_ % 64 == 0 && late(); }

 private:
  pcre2_match_data* data_;
  pcre2_match_context* context_;
  double deadline_;  // in the thread's seconds of work
  unsigned calls_ = 0;
};

}  // namespace strata::regex
