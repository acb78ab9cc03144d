// Half-written files and folders: removed when the program is ended from outside, and reported when
// an earlier run ended so that nothing could remove them.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace strata::source {

// A temporary file or folder while it lives. A program has enough slots for all of its own.
class Unfinished {
 public:
  // What the end of the program removes: a file, or a folder with its files; or a folder only if
  // nothing is in it by then.
  enum class Kind { whole, empty_folder };
  explicit Unfinished(const std::string& path, Kind kind = Kind::whole);
  ~Unfinished() { forget(); }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  // Forgets the path: it is renamed or removed. False if the program is ending, and another thread
  // removes it.
  bool forget() noexcept;

 private:
  std::size_t slot_;
};

// Removes the files and the folders, each as its kind says. Safe in a signal handler.
void remove_unfinished() noexcept;

// The temporary name of `path` for this process. No two processes have the same.
std::string temporary_name(const std::string& path);

// Whether a file of this name is a temporary one that a dead process left.
bool is_leftover(const std::string& name);

// Gets a line for each temporary of `path` that a dead process left. Set it once; empty: no lines.
using TellLeftover = std::function<void(std::string_view line)>;
void set_tell_leftover(TellLeftover tell);
void tell_leftovers(const std::string& path);

}  // namespace strata::source
