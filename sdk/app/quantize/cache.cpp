#include "app/quantize/cache.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/error.hpp"
#include "core/source/unfinished.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view ending = ".safetensors";

// The folder of the user's caches; empty: the environment names none.
std::string user_cache() {
  if (const char* given = std::getenv("XDG_CACHE_HOME"); given && *given == '/') return given;
  if (const char* home = std::getenv("HOME"); home && *home == '/')
    return std::string(home) + "/.cache";
  return "";
}

// Whether this process may write in the folder, or make it.
bool writable(const fs::path& folder) {
  std::error_code error;
  auto at = folder;
  while (!at.empty() && !fs::exists(at, error) && at.has_relative_path()) at = at.parent_path();
  return ::access(at.empty() ? "." : at.c_str(), W_OK | X_OK) == 0;
}

std::string digest_of(const std::string& text) {
  data::Digest digest;
  digest.add(text);
  return digest.hex();
}

// Removes the file unless some process holds a lock on it.
void remove_unused(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) ::unlink(path.c_str());
  ::close(descriptor);
}

}  // namespace

QuantCache::QuantCache(const std::string& place, const source::Checkpoint& checkpoint,
                       const std::string& digest)
    : off_(place == "off"), beside_(checkpoint.folder()) {
  std::error_code error;
  const auto whole = fs::weakly_canonical(checkpoint.path(), error);
  model_ = digest_of(error ? checkpoint.path() : whole.string()).substr(0, 16) + "-";
  name_ = model_ + digest.substr(0, 32) + std::string(ending);
  if (off_) return;
  if (!place.empty()) {
    folders_.push_back(place);
    return;
  }
  folders_.push_back(beside_ + "/.strata-quant");
  if (const auto user = user_cache(); !user.empty()) folders_.push_back(user + "/strata/quant");
}

std::shared_ptr<const source::File> QuantCache::find() const {
  for (const auto& folder : folders_) {
    const auto path = folder + "/" + name_;
    if (!source::exists(path)) continue;
    auto file = source::File::open(path);
    // Where another process removed it between the two, it has no name any more.
    ::flock(file->descriptor(), LOCK_SH | LOCK_NB);
    struct stat about {};
    if (::fstat(file->descriptor(), &about) != 0 || about.st_nlink == 0) continue;
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return file;
  }
  return nullptr;
}

void QuantCache::drop() const {
  for (const auto& folder : folders_) ::unlink((folder + "/" + name_).c_str());
}

std::string QuantCache::path_to_write() {
  std::string words;
  for (const auto& folder : folders_) {
    if (!writable(folder)) continue;
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) return folder + "/" + name_;
    words = error.message();
  }
  throw Error(folders_.front(), "no folder can be made there" + (words.empty() ? "" : ": " + words),
              "give --quant-cache DIR, or off");
}

std::string QuantCache::folder_of_unnamed() const {
  std::error_code error;
  if (writable(beside_)) return beside_;
  const auto temporary = fs::temp_directory_path(error);
  return error ? "/tmp" : temporary.string();
}

void QuantCache::tidy() const {
  for (const auto& folder : folders_) {
    std::vector<std::pair<fs::file_time_type, fs::path>> own;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      const auto name = at->path().filename().string();
      std::error_code ignored;
      if (name.find(ending) != name.npos && source::is_leftover(name))
        ::unlink(at->path().c_str());
      else if (name.starts_with(model_) && name.ends_with(ending) && name != name_)
        own.emplace_back(fs::last_write_time(at->path(), ignored), at->path());
    }
    std::ranges::sort(own, std::greater());
    for (std::size_t i = kept_files - 1; i < own.size(); ++i) remove_unused(own[i].second);
  }
}

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) return;
  while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace strata::app
