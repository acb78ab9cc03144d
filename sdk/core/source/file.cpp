#include "core/source/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/source/file_kind.hpp"

namespace strata::source {
namespace {

[[noreturn]] void refuse_open(const std::string& path, int code) {
  if (code == ENOENT || code == ENOTDIR) throw Error(path, "no such file", "check the path");
  if (code == EACCES || code == EPERM)
    throw Error(path, "cannot be read: permission denied", "give this user the right to read it");
  throw Error(path, std::string("cannot be opened: ") + std::strerror(code), "check the file");
}

// Larger files are neither pointers nor web pages, and are not touched.
constexpr std::uint64_t largest_stand_in = 4u << 20;

std::string range(std::uint64_t offset, std::uint64_t bytes) {
  return std::to_string(bytes) + " bytes at " + std::to_string(offset);
}

}  // namespace

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::shared_ptr<const File> File::open(const std::string& path) {
  if (path.find('\0') != std::string::npos)
    throw Error(path, "a path with a zero byte", "check the path");
  // Non-blocking, so that a pipe without a writer is refused instead of waited for.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) refuse_open(path, errno);
  const std::shared_ptr<File> file(new File(path, descriptor, 0));
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) refuse_open(path, errno);
  if (S_ISDIR(about.st_mode)) throw Error(path, "is a folder, not a file", "give the file itself");
  if (!S_ISREG(about.st_mode)) throw Error(path, "is not a regular file", "copy it to a file");
  file->size_ = static_cast<std::uint64_t>(about.st_size);
  // Only headers are read here: the kernel need not read on into the weights.
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
  if (file->size_ <= largest_stand_in) {
    std::string beginning(std::min<std::uint64_t>(file->size_, longest_beginning), '\0');
    file->read(0, std::as_writable_bytes(std::span(beginning)));
    refuse_stand_in(beginning, path);
  }
  return file;
}

std::shared_ptr<const File> File::unnamed(int descriptor) {
  const auto path = "/proc/self/fd/" + std::to_string(descriptor);
  const std::shared_ptr<File> file(new File(path, descriptor, 0));
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) refuse_open(path, errno);
  file->size_ = static_cast<std::uint64_t>(about.st_size);
  return file;
}

File::File(std::string path, int descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

File::~File() { ::close(descriptor_); }

void File::forget() const { ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED); }

void File::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset > size_ || into.size() > size_ - offset)
    throw Error(path_, range(offset, into.size()) + " lie beyond its " + std::to_string(size_),
                "the file is cut short; fetch it again");
  std::size_t done = 0;
  while (done < into.size()) {
    const auto got = ::pread(descriptor_, into.data() + done, into.size() - done,
                             static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(path_,
                  "reading " + range(offset, into.size()) + " failed: " + std::strerror(errno),
                  "check the disk");
    if (got == 0)
      throw Error(path_, "ended while reading " + range(offset, into.size()),
                  "it was cut short while in use; fetch it again");
    done += static_cast<std::size_t>(got);
  }
}

std::string File::text(std::uint64_t limit) const {
  if (size_ > limit)
    throw Error(
        path_, std::to_string(size_) + " bytes are more than the limit of " + std::to_string(limit),
        "check that it is the right file");
  std::string out(static_cast<std::size_t>(size_), '\0');
  read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace strata::source
