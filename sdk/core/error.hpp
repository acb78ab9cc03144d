// A failure, as the one line that a user sees: `error: who: what: what to do`.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace strata {

// The program's exit status.
enum class Exit { failed = 1, usage = 2 };

// `who` names the part or the file, `what` the fact with the tensor, key or number, `remedy` a step
// that the user can take. The constructor escapes control characters of foreign bytes, so that the
// line stays one line.
class Error : public std::runtime_error {
 public:
  Error(std::string_view who, std::string_view what, std::string_view remedy,
        Exit status = Exit::failed);
  Exit status() const { return status_; }

 protected:
  // The whole line, as what() of another error gives it.
  Error(const std::string& line, Exit status) : std::runtime_error(line), status_(status) {}

 private:
  Exit status_;
};

// An error in options, TOML or ds_config, or an unknown plugin: exit status 2.
class UsageError : public Error {
 public:
  UsageError(std::string_view who, std::string_view what, std::string_view remedy)
      : Error(who, what, remedy, Exit::usage) {}
  explicit UsageError(const Error& cause) : Error(cause.what(), Exit::usage) {}  // the same words
};

// Foreign text made fit for a message: control bytes and invalid UTF-8 escaped, long text cut.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace strata
