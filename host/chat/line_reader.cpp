#include "host/chat/line_reader.hpp"

#include <dlfcn.h>
#include <histedit.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <string>

#include "host/process/interrupts.hpp"
#include "host/process/output.hpp"

namespace strata::chat {
namespace {

constexpr int most_history = 1000;

std::string shown_prompt;

char* prompt_of(EditLine*) { return shown_prompt.data(); }

// One byte of standard input; 0 at its end, -1 after a signal that was noted. Other signals, such
// as that of a resized window, are skipped.
int read_byte(char& byte) {
  while (true) {
    const auto count = read(STDIN_FILENO, &byte, 1);
    if (count >= 0) return static_cast<int>(count);
    if (errno != EINTR || host::Interrupts::noted() != 0) return -1;
  }
}

// Reads a character for libedit, whose own reader continues after a signal.
int read_character(EditLine*, wchar_t* out) {
  std::mbstate_t state{};
  for (int length = 0; length < 8; ++length) {
    if (host::Interrupts::noted() != 0) return -1;
    char byte = 0;
    if (const int count = read_byte(byte); count <= 0) return count;
    const auto made = std::mbrtowc(out, &byte, 1, &state);
    if (made == static_cast<std::size_t>(-2)) continue;
    if (made == static_cast<std::size_t>(-1)) *out = L'?';
    return 1;
  }
  *out = L'?';
  return 1;
}

// Lets the terminal of standard input give each character as it is typed, also while no line is
// read: in line mode a Ctrl-D typed then becomes an end of input that is lost when libedit begins
// to read. Restores the terminal's mode at its end.
class CharacterMode {
 public:
  CharacterMode() : known_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!known_) return;
    auto mode = before_;
    mode.c_lflag &= ~static_cast<tcflag_t>(ICANON);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
  }
  ~CharacterMode() {
    if (known_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  CharacterMode(const CharacterMode&) = delete;
  CharacterMode& operator=(const CharacterMode&) = delete;

 private:
  termios before_{};
  bool known_;
};

}  // namespace

// libedit, opened with dlopen when input comes from a terminal: the program does not link it.
struct LineReader::Editor {
  template <class F>
  static F* find(void* library, const char* name) {
    return reinterpret_cast<F*>(dlsym(library, name));
  }

  static std::unique_ptr<Editor> open() {
    auto* library = dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library) return nullptr;
    auto out = std::make_unique<Editor>();
    out->gets = find<decltype(el_gets)>(library, "el_gets");
    out->set = find<decltype(el_set)>(library, "el_set");
    out->end = find<decltype(el_end)>(library, "el_end");
    out->record = find<decltype(history)>(library, "history");
    out->end_history = find<decltype(history_end)>(library, "history_end");
    const auto init = find<decltype(el_init)>(library, "el_init");
    const auto init_history = find<decltype(history_init)>(library, "history_init");
    if (!out->gets || !out->set || !out->end || !out->record || !out->end_history || !init ||
        !init_history)
      return nullptr;
    out->lines = init_history();
    out->line = init("strata", stdin, stdout, stderr);
    if (!out->line || !out->lines) return nullptr;
    HistEvent event;
    out->record(out->lines, &event, H_SETSIZE, most_history);
    out->record(out->lines, &event, H_SETUNIQUE, 1);
    out->set(out->line, EL_PROMPT, prompt_of);
    out->set(out->line, EL_EDITOR, "emacs");
    out->set(out->line, EL_SIGNAL, 0);
    out->set(out->line, EL_SETTY, "-x", "-icanon", nullptr);
    out->set(out->line, EL_HIST, out->record, out->lines);
    out->set(out->line, EL_GETCFN, read_character);
    return out;
  }

  ~Editor() {
    if (line) end(line);
    if (lines) end_history(lines);
  }

  CharacterMode mode;  // restored after libedit has ended
  EditLine* line = nullptr;
  History* lines = nullptr;
  decltype(el_gets)* gets = nullptr;
  decltype(el_set)* set = nullptr;
  decltype(el_end)* end = nullptr;
  decltype(history)* record = nullptr;
  decltype(history_end)* end_history = nullptr;
};

LineReader::LineReader(bool editing) : prompts_(editing) {
  if (!editing) return;
  if (!std::setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  editor_ = Editor::open();
}

LineReader::~LineReader() = default;

std::optional<std::string> LineReader::next(const std::string& prompt) {
  if (!editor_) {
    if (prompts_) host::print(prompt);
    return plain_line();
  }
  shown_prompt = prompt;
  int count = 0;
  const char* text = editor_->gets(editor_->line, &count);
  if (!text || count <= 0) return std::nullopt;
  std::string out(text, static_cast<std::size_t>(count));
  while (out.ends_with('\n') || out.ends_with('\r')) out.pop_back();
  HistEvent event;
  if (!out.empty()) editor_->record(editor_->lines, &event, H_ENTER, out.c_str());
  return out;
}

std::optional<std::string> LineReader::plain_line() {
  while (true) {
    if (const auto end = waiting_.find('\n'); end != waiting_.npos) {
      auto out = waiting_.substr(0, end);
      waiting_.erase(0, end + 1);
      if (out.ends_with('\r')) out.pop_back();
      return out;
    }
    char buffer[4096];
    if (host::Interrupts::noted() != 0) return std::nullopt;
    const auto count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (waiting_.empty()) return std::nullopt;
      return std::exchange(waiting_, {});
    }
    waiting_.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace strata::chat
