#include "app/training_log/append_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.hpp"

namespace strata::training_log {
namespace {

[[noreturn]] void refuse(const std::string& path, const char* doing, int code) {
  throw Error(path, std::string(doing) + " failed: " + std::strerror(code),
              code == ENOSPC || code == EDQUOT ? "make room on the disk or write elsewhere"
                                               : "check the folder or write elsewhere");
}

}  // namespace

AppendFile::AppendFile(std::string path, bool fresh)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (fresh ? O_EXCL : 0), 0666)) {
  if (descriptor_ < 0) refuse(path_, "opening", errno);
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

void AppendFile::append(std::string_view record) {
  const auto begin = ::lseek(descriptor_, 0, SEEK_END);  // -1 for a pipe
  while (!record.empty()) {
    const auto done = ::write(descriptor_, record.data(), record.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      const int code = done < 0 ? errno : EIO;
      if (begin >= 0 && ::ftruncate(descriptor_, begin) != 0) refuse(path_, "writing", code);
      refuse(path_, "writing", code);
    }
    record.remove_prefix(static_cast<std::size_t>(done));
  }
}

}  // namespace strata::training_log
