#include "app/finetune/output_lock.hpp"

#include <fcntl.h>
#include <strata/abi/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "app/output_place.hpp"
#include "core/error.hpp"
#include "core/source/unfinished.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

using Kind = source::Unfinished::Kind;

[[noreturn]] void refuse(const std::string& output, int code) {
  throw Error(printable(output), std::strerror(code), "give another folder");
}

// A folder that is removed again if it was made here and nothing is in it.
class MadeFolder {
 public:
  MadeFolder(const fs::path& path, const std::string& output) : path_(path) {
    std::error_code error;
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
    if (error) refuse(output, error.value());
    unfinished_.emplace(path.string(), Kind::empty_folder);
    if (::mkdir(path.c_str(), 0777) == 0) return;
    const int code = errno;
    unfinished_.reset();
    if (code != EEXIST) refuse(output, code);
  }
  ~MadeFolder() {
    if (unfinished_) ::rmdir(path_.c_str());
  }
  MadeFolder(const MadeFolder&) = delete;
  MadeFolder& operator=(const MadeFolder&) = delete;

 private:
  fs::path path_;
  std::optional<source::Unfinished> unfinished_;  // none: it was there
};

struct Descriptor {
  explicit Descriptor(int given) : number(given) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number;
};

// The words of the process that has the lock.
std::string holder(int descriptor) {
  std::array<char, 128> text{};
  const auto count = ::pread(descriptor, text.data(), text.size(), 0);
  std::string words(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  words.resize(std::min(words.size(), words.find('\n')));
  return words.empty() ? "another process" : printable(words);
}

void name_holder(int descriptor) {
  std::array<char, 65> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto words = "process " + std::to_string(::getpid()) + " on " + host.data() + "\n";
  // Where the disk is full, the lock holds without a name.
  if (::ftruncate(descriptor, 0) == 0) (void)!::pwrite(descriptor, words.data(), words.size(), 0);
}

bool has_no_locks(int code) {
  return code == ENOLCK || code == EOPNOTSUPP || code == ENOSYS || code == EINVAL;
}

// Whether the name still leads to the open file: the run before removes it with its lock.
bool is_there(const std::string& path, int descriptor) {
  struct stat named {
  }, open{};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(descriptor, &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

}  // namespace

// The members end in the reverse order: the file is removed while it is locked.
class OutputLock::Held {
 public:
  Held(const fs::path& folder, const std::string& output, const Log& log)
      : path_((folder / lock_name).string()), folder_(folder, output),
        file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666)) {
    if (file_.number < 0 && errno == ENOENT) return;  // the run before has removed the folder
    if (file_.number < 0) refuse(output, errno);
    if (::flock(file_.number, LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      if (code == EWOULDBLOCK)
        throw Error(printable(output), holder(file_.number) + " trains into it",
                    "wait for its end, or give another --output");
      if (!has_no_locks(code)) refuse(output, code);
      log.line(STRATA_WARN, output + ": the file system has no locks: let no other run write here");
    }
    if (!is_there(path_, file_.number)) return;
    unfinished_.emplace(path_);
    name_holder(file_.number);
  }
  ~Held() {
    if (unfinished_) ::unlink(path_.c_str());
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  bool is_held() const { return unfinished_.has_value(); }

 private:
  std::string path_;
  MadeFolder folder_;
  Descriptor file_;
  std::optional<source::Unfinished> unfinished_;
};

OutputLock::OutputLock(const std::string& output, const Log& log) {
  const auto folder = folder_path(output);
  constexpr int attempts = 100;  // each fails only where another run ends at this moment
  for (int i = 0; i < attempts; ++i) {
    held_ = std::make_unique<Held>(folder, output, log);
    if (held_->is_held()) return;
    held_.reset();
  }
  throw Error(printable(output), "its lock cannot be taken", "give another --output");
}

OutputLock::~OutputLock() = default;

}  // namespace strata::app
