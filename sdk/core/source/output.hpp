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

// A file of a folder that is being written. Errors name it and say what the disk said.
class OutputFile {
 public:
  explicit OutputFile(std::string path);  // new; refused where it is there already
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void write(std::uint64_t offset, std::string_view text);
  void finish();  // synced and closed

 private:
  std::string path_;
  int descriptor_;
};

// The temporary folder beside `path`. Unless `appear` was reached, it is removed with all in it.
class OutputFolder {
 public:
  // Refused: a `path` that is a file, or a folder that is not empty.
  explicit OutputFolder(std::string path);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  // Where the file of this plain name is written, which may lie in one folder more.
  std::string file(std::string_view name) const;
  void appear();

 private:
  std::string path_, temporary_;
  std::optional<Unfinished> unfinished_;
};

// A file at `path`, replacing one that is there; unless `appear` was reached, nothing is left.
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

// The names in the folder are on the disk, where its file system can say so.
void sync_folder(const std::string& path);

// A file of these bytes at `path`, replacing one that is there.
void write_whole(const std::string& path, std::string_view bytes);

}  // namespace strata::source
