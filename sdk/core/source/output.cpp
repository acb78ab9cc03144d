#include "core/source/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.hpp"

namespace strata::source {
namespace {

namespace fs = std::filesystem;

// Named in errors is what the user asked for, not the name that it has until it is whole.
[[noreturn]] void refuse(const std::string& path, const char* doing, int code) {
  throw Error(path.substr(0, path.rfind(".part-" + std::to_string(::getpid()))),
              std::string(doing) + " failed: " + std::strerror(code),
              code == ENOSPC || code == EDQUOT ? "make room on the disk or write elsewhere"
                                               : "check the folder or write elsewhere");
}

// A file that may be replaced: a device or a pipe would be lost.
std::string replaceable(std::string path) {
  std::error_code error;
  const auto type = fs::status(path, error).type();
  if (type == fs::file_type::character || type == fs::file_type::block ||
      type == fs::file_type::fifo || type == fs::file_type::socket)
    throw Error(printable(path), "it is no regular file", "name a file");
  return path;
}

void write_at(int descriptor, const std::string& path, std::uint64_t offset,
              std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto done = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) refuse(path, "writing", done < 0 ? errno : EIO);
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
}

// Opens a file that has no name, or has lost it where the file system wants one at first.
int open_unnamed(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return descriptor;
  auto name = folder + "/.strata-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

std::string parent_of(const std::string& path) {
  const auto parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

void sync_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) refuse(path, "opening", errno);
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // Some file systems cannot sync a folder and say so.
  if (code != 0 && code != EINVAL) refuse(path, "syncing", code);
}

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) refuse(path_, "creating", errno);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  write_at(descriptor_, path_, offset, bytes);
}

void OutputFile::write(std::uint64_t offset, std::string_view text) {
  write(offset, std::as_bytes(std::span(text)));
}

void OutputFile::finish() {
  if (::fsync(descriptor_) != 0) refuse(path_, "syncing", errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) refuse(path_, "closing", errno);
}

OutputFolder::OutputFolder(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  std::error_code error;
  const auto about = fs::status(path_, error);
  if (fs::exists(about)) {
    if (!fs::is_directory(about)) throw Error(path_, "is a file", "give a new folder");
    const bool empty = fs::is_empty(path_, error);
    if (error) refuse(path_, "reading", error.value());
    if (!empty) throw Error(path_, "is a folder that is not empty", "give a new folder");
  }
  tell_leftovers(path_);
  temporary_ = temporary_name(path_);
  unfinished_.emplace(temporary_);
  if (::mkdir(temporary_.c_str(), 0777) == 0) return;
  const int code = errno;
  unfinished_.reset();  // before it removes another process's folder
  refuse(std::exchange(temporary_, {}), "creating", code);
}

OutputFolder::~OutputFolder() {
  if (temporary_.empty()) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

std::string OutputFolder::file(std::string_view name) const {
  const auto plain = [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." && part.find('/') == part.npos;
  };
  const auto slash = name.find('/');
  const bool inner = slash != name.npos;
  if (!plain(name.substr(0, slash)) || (inner && !plain(name.substr(slash + 1))))
    throw Error(path_, "'" + printable(name) + "' is not a plain file name", "name it otherwise");
  if (inner) {
    const auto folder = temporary_ + "/" + std::string(name.substr(0, slash));
    if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) refuse(folder, "creating", errno);
  }
  return temporary_ + "/" + std::string(name);
}

void OutputFolder::appear() {
  for (const auto& entry : fs::directory_iterator(temporary_))
    if (entry.is_directory()) sync_folder(entry.path());
  sync_folder(temporary_);
  // Another thread that ends the program may be removing its files: a part must not appear.
  if (!unfinished_->forget()) throw Error(path_, "the program ends", "");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) refuse(path_, "naming", errno);
  unfinished_.reset();
  temporary_.clear();
  sync_folder(parent_of(path_));
}

AtomicFile::AtomicFile(std::string path)
    : path_(replaceable(std::move(path))), temporary_(temporary_name(path_)),
      unfinished_(temporary_), file_(temporary_) {
  tell_leftovers(path_);
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove(temporary_, ignored);
}

void AtomicFile::appear() {
  file_.finish();
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) refuse(path_, "naming", errno);
  unfinished_.reset();
  temporary_.clear();
  sync_folder(parent_of(path_));
}

UnnamedFile::UnnamedFile(const std::string& folder)
    : folder_(folder), descriptor_(open_unnamed(folder)) {
  if (descriptor_ < 0) refuse(folder_, "creating a file", errno);
}

UnnamedFile::~UnnamedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void UnnamedFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  write_at(descriptor_, folder_, offset, bytes);
}

int UnnamedFile::release() { return std::exchange(descriptor_, -1); }

void write_whole(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(0, bytes);
  file.appear();
}

}  // namespace strata::source
