// Lines that a user types, with editing and history on a terminal.
#pragma once
#include <memory>
#include <optional>
#include <string>

namespace strata::chat {

// [main-thread] One lives at a time.
class LineReader {
 public:
  // With `editing`, libedit edits the lines; it is opened on demand. Without `editing`, or if the
  // library is missing, lines are read as they come.
  explicit LineReader(bool editing);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its line break; empty at the end of the input, or if Interrupts noted a
  // signal first.
  std::optional<std::string> next(const std::string& prompt);

 private:
  struct Editor;
  std::optional<std::string> plain_line();

  std::unique_ptr<Editor> editor_;
  std::string waiting_;  // bytes that were read beyond the line
  bool prompts_ = false;
};

}  // namespace strata::chat
