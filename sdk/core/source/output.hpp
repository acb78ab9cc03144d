// Files and folders that appear whole or not at all: written under a temporary name, synced, then
// renamed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/source/unfinished.hpp"

namespace strata::source {

// A file of a folder that is being written. Errors name it and the disk's own error.
class OutputFile {
 public:
  explicit OutputFile(std::string path);  // creates it; refuses one that exists
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void write(std::uint64_t offset, std::string_view text);
  void finish();  // syncs and closes it

 private:
  std::string path_;
  int descriptor_;
};

// A temporary folder beside `path`. Its destructor removes it with all its files, unless `appear`
// was called.
class OutputFolder {
 public:
  // Refuses a `path` that is a file, or a folder that is not empty.
  explicit OutputFolder(std::string path);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  // The path at which to write the file of this plain name, which may have one folder in front.
  std::string file(std::string_view name) const;
  void appear();

 private:
  std::string path_, temporary_;
  std::optional<Unfinished> unfinished_;
};

// A file at `path` that replaces an existing one; unless `appear` was called, nothing is left of
// it.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::uint64_t offset, std::span<const std::byte> bytes) { file_.write(offset, bytes); }
  void write(std::uint64_t offset, std::string_view text) { file_.write(offset, text); }
  void appear();

 private:
  std::string path_, temporary_;
  std::optional<Unfinished> unfinished_;
  OutputFile file_;
};

// A file of `folder` without a name: nothing is left of it when the last one closes it.
class UnnamedFile {
 public:
  explicit UnnamedFile(const std::string& folder);
  ~UnnamedFile();
  UnnamedFile(const UnnamedFile&) = delete;
  UnnamedFile& operator=(const UnnamedFile&) = delete;

  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  int release();  // gives the descriptor away

 private:
  std::string folder_;
  int descriptor_;
};

// Syncs the names in the folder to the disk, where its file system can.
void sync_folder(const std::string& path);

// Writes a file of these bytes at `path` and replaces an existing one.
void write_whole(const std::string& path, std::string_view bytes);

}  // namespace strata::source
