// The folder of quantized weights: files by what they were made from, few of each model.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/log.hpp"
#include "core/source/checkpoint.hpp"

namespace strata::app {

// The number of files of one model that stay: others are removed, the longest unused first.
inline constexpr std::size_t kept_files = 4;

// Where the quantized weights of a model are kept. A file that a process has opened is not removed
// by another, and two processes that make the same one do not disturb each other.
class QuantCache {
 public:
  // `place` is QuantOptions::cache; `digest` has 64 hex digits and says what the file is made from.
  QuantCache(const std::string& place, const source::Checkpoint& checkpoint,
             const std::string& digest);

  bool off() const { return off_; }
  // The opened file; null: there is none.
  std::shared_ptr<const source::File> find() const;
  // Removes the file, which is none that Strata wrote whole.
  void drop() const;
  // The path to write at, in a folder that is then there. Throws Error where none can be made.
  std::string path_to_write();
  // The folder for a file without a name.
  std::string folder_of_unnamed() const;
  // Removes what earlier runs left half-written, and files of the same model beyond kept_files.
  void tidy() const;

 private:
  bool off_;
  std::string beside_;                // the model's folder
  std::vector<std::string> folders_;  // the first ones are better
  std::string model_, name_;          // the beginning of the file's name, and all of it
};

// Holds a lock on a folder while it lives, so that one process at a time makes files there. Waits
// for it; where the file system has no locks, it holds none.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace strata::app
