// Patterns of Python's `re` over the names of modules.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace strata::adapter {

// The memory and the time that the searches of one adapter share; for one thread. More than two
// seconds of work are an error.
class Effort {
 public:
  Effort();
  ~Effort();
  Effort(const Effort&) = delete;
  Effort& operator=(const Effort&) = delete;

 private:
  friend class Pattern;
  struct State;
  std::unique_ptr<State> state_;
};

// A compiled pattern. PCRE2 runs it: what modules' names are matched with means the same there.
class Pattern {
 public:
  // Errors name `who`, the file and the key or the option that gave the pattern, say the remedy,
  // and have the status. Throws Error for a pattern that does not compile.
  Pattern(std::string_view source, std::string_view who, std::string_view remedy,
          Exit status = Exit::failed);

  // Whether the pattern matches the whole name, as re.fullmatch. Throws Error where it takes too
  // long.
  bool whole(std::string_view name, Effort& effort) const;
  // Whether it matches from the beginning, as re.match; `index` is then the text of its group
  // "idx", empty where it has none.
  bool begins(std::string_view name, Effort& effort, std::string_view* index = nullptr) const;

 private:
  bool matches(std::string_view name, Effort& effort, uint32_t how, std::string_view* index) const;

  [[noreturn]] void fail(const std::string& what) const;

  std::string who_, remedy_;
  Exit status_;
  std::shared_ptr<const void> code_;  // a pcre2_code
};

// The text as a pattern that matches it alone.
std::string escaped(std::string_view text);

}  // namespace strata::adapter
