#include "core/source/unfinished.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.hpp"

namespace strata::source {
namespace {

namespace fs = std::filesystem;

enum class State : int { free, taken, known };

// A slot has a fixed size: a signal handler reads it while the program may be anywhere.
struct Slot {
  std::atomic<State> state{State::free};
  std::array<char, PATH_MAX> path{};
  Unfinished::Kind kind = Unfinished::Kind::whole;
};
constexpr std::size_t none = 16;
std::array<Slot, none> slots;

TellLeftover& tell() {
  static TellLeftover one;
  return one;
}

// A directory entry as the kernel writes it.
struct Entry {
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t bytes;
  unsigned char type;
  char name[1];
};

void remove_folder(const char* path) noexcept {
  const int folder = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (folder < 0) return;
  alignas(Entry) std::array<char, 4096> block{};
  for (long n = 0; (n = ::syscall(SYS_getdents64, folder, block.data(), block.size())) > 0;)
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const Entry*>(block.data() + at);
      ::unlinkat(folder, entry->name, 0);  // fails for "." and ".."
      at += entry->bytes;
    }
  ::close(folder);
  ::rmdir(path);
}

// Whether a program of this kind is writing it, not just any process with that id.
bool is_written(const std::string& pid) {
  std::error_code error;
  const auto other = fs::read_symlink("/proc/" + pid + "/exe", error);
  return !error && other.filename() == fs::read_symlink("/proc/self/exe", error).filename();
}

}  // namespace

Unfinished::Unfinished(const std::string& path, Kind kind) : slot_(none) {
  if (path.size() >= PATH_MAX) return;
  for (std::size_t i = 0; i < slots.size() && slot_ == none; ++i) {
    auto state = State::free;
    if (slots[i].state.compare_exchange_strong(state, State::taken)) slot_ = i;
  }
  if (slot_ == none) return;
  std::memcpy(slots[slot_].path.data(), path.c_str(), path.size() + 1);
  slots[slot_].kind = kind;
  slots[slot_].state = State::known;
}

bool Unfinished::forget() noexcept {
  if (slot_ == none) return true;
  auto state = State::known;
  return slots[std::exchange(slot_, none)].state.compare_exchange_strong(state, State::free);
}

void remove_unfinished() noexcept {
  const auto take = [](Slot& slot, Unfinished::Kind kind) {
    auto state = State::known;
    if (!slot.state.compare_exchange_strong(state, State::taken)) return false;
    if (slot.kind == kind) return true;
    slot.state = State::known;
    return false;
  };
  for (auto& slot : slots)
    if (take(slot, Unfinished::Kind::whole) && ::unlink(slot.path.data()) != 0)
      remove_folder(slot.path.data());
  // These come last, since what is removed above may lie in them.
  for (auto& slot : slots)
    if (take(slot, Unfinished::Kind::empty_folder)) ::rmdir(slot.path.data());
}

std::string temporary_name(const std::string& path) {
  return path + ".part-" + std::to_string(::getpid());
}

bool is_leftover(const std::string& name) {
  constexpr std::string_view mark = ".part-";
  const auto at = name.rfind(mark);
  if (at == std::string::npos) return false;
  const auto pid = name.substr(at + mark.size());
  return !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos &&
         !is_written(pid);
}

void set_tell_leftover(TellLeftover to) { tell() = std::move(to); }

void tell_leftovers(const std::string& path) {
  if (!tell()) return;
  const fs::path whole(path);
  const auto prefix = whole.filename().string() + ".part-";
  std::error_code error;
  const auto folder = whole.has_parent_path() ? whole.parent_path() : fs::path(".");
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (!name.starts_with(prefix) || name.rfind(".part-") + 6 != prefix.size() ||
        !is_leftover(name))
      continue;
    tell()(printable((whole.parent_path() / name).string()) +
           " is what a run that was killed left: remove it");
  }
}

}  // namespace strata::source
