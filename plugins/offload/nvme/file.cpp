#include "file.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <strata/plugin.hpp>

using strata::Failure;

namespace {

Failure failure(const std::string& name, int error) {
  const auto code = error == ENOENT                                         ? STRATA_NOT_FOUND
                    : error == ENOSPC || error == EDQUOT || error == EMFILE ? STRATA_EXHAUSTED
                                                                            : STRATA_INVALID;
  return {code, name + ": " + std::strerror(error) + ": check the path and its permissions"};
}

// The alignment that the file system requires for O_DIRECT; 0 if it does not say.
std::uint64_t direct_alignment([[maybe_unused]] int descriptor) {
#ifdef STATX_DIOALIGN
  struct statx s {};
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &s) == 0 &&
      (s.stx_mask & STATX_DIOALIGN))
    return std::max<std::uint64_t>(s.stx_dio_offset_align, s.stx_dio_mem_align);
#endif
  return 0;
}

}  // namespace

std::shared_ptr<File> File::open(const std::string& path, const std::string& name, int flags,
                                 std::optional<bool> direct, std::uint64_t align) {
  const auto try_open = [&](int more) {
    return ::open(path.c_str(), flags | more | O_CLOEXEC | O_NOCTTY, 0600);
  };
  if (direct.value_or(true)) {
    if (const int descriptor = try_open(O_DIRECT); descriptor >= 0) {
      const auto needs = direct_alignment(descriptor);
      std::shared_ptr<File> file(new File(descriptor, name, true));
      if (needs <= align) return file;
      if (direct.has_value())
        throw Failure(STRATA_INVALID,
                      name + ": O_DIRECT needs an alignment of " + std::to_string(needs) +
                          ": set align = " + std::to_string(needs) + " or direct = false");
    } else if (errno != EINVAL) {
      throw failure(name, errno);
    } else if (direct.has_value()) {
      throw Failure(STRATA_INVALID, name + ": O_DIRECT refused (EINVAL): set direct = false");
    }
    strata::log_line(STRATA_INFO, name + ": no O_DIRECT here, read through the page cache");
  }
  const int descriptor = try_open(0);
  if (descriptor < 0) throw failure(name, errno);
  return std::shared_ptr<File>(new File(descriptor, name, false));
}

std::shared_ptr<File> File::read_only(const std::string& path, std::optional<bool> direct,
                                      std::uint64_t align) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) throw failure(path, errno);
  if (!S_ISREG(s.st_mode)) throw Failure(STRATA_INVALID, path + ": not a file: name a file");
  return open(path, path, O_RDONLY, direct, align);
}

std::shared_ptr<File> File::scratch(const std::string& folder, std::optional<bool> direct,
                                    std::uint64_t align) {
  const int probe = ::open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (probe >= 0) {
    ::close(probe);
    return open(folder, folder, O_RDWR | O_TMPFILE, direct, align);
  }
  if (errno != EOPNOTSUPP && errno != EISDIR) throw failure(folder, errno);
  // Not every file system supports nameless files (O_TMPFILE): this one gets a name and is unlinked
  // at once.
  std::string path = folder + "/strata-XXXXXX";
  const int made = ::mkostemp(path.data(), O_CLOEXEC);
  if (made < 0) throw failure(folder, errno);
  ::close(made);
  try {
    auto file = open(path, folder, O_RDWR, direct, align);
    ::unlink(path.c_str());
    return file;
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

File::~File() { ::close(descriptor_); }

std::uint64_t File::bytes() const {
  struct stat s {};
  if (::fstat(descriptor_, &s) != 0) throw failure(name_, errno);
  return static_cast<std::uint64_t>(s.st_size);
}

void File::reserve(std::uint64_t offset, std::uint64_t bytes) const {
  const auto refuse = [&](const std::string& why) {
    return Failure(STRATA_EXHAUSTED, name_ + ": no room for " + std::to_string(bytes) +
                                         " bytes: " + why +
                                         ": free some, or name another folder by --offload-dir");
  };
  // The limit is checked first, because the kernel sends a signal for a file that grows past it.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < offset + bytes)
    throw refuse("the limit of a file's size is " + std::to_string(limit.rlim_cur));
  const auto at = static_cast<off_t>(offset), length = static_cast<off_t>(bytes);
  int error = 0;
  do error = ::fallocate(descriptor_, 0, at, length) == 0 ? 0 : errno;
  while (error == EINTR);
  if (error == EOPNOTSUPP)  // this file system cannot reserve room, so a full disk shows later
    error = ::ftruncate(descriptor_, at + length) == 0 ? 0 : errno;
  if (error == 0) return;
  ::ftruncate(descriptor_, at);  // gives back what was allocated before the disk was full
  throw refuse(std::strerror(error));
}

void File::forget(std::uint64_t offset, std::uint64_t bytes) const {
  if (!direct_)
    ::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                    POSIX_FADV_DONTNEED);
}
