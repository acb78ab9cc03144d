// A file opened for reading by ranges.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace strata::source {

// Fills a span from an offset of a file, or throws: how parsers read, so that bytes need no file.
using ReadAt = std::function<void(std::uint64_t offset, std::span<std::byte> into)>;

// Read-only; its size is that of the moment it was opened. All members may be called from any
// thread at once.
class File {
 public:
  // Throws Error naming the path: missing, a folder, not a regular file, unreadable, a pointer of
  // Git LFS, a web page.
  static std::shared_ptr<const File> open(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  int descriptor() const { return descriptor_; }

  // Fills `into` from `offset`; throws Error naming the file and the range if it cannot.
  void read(std::uint64_t offset, std::span<std::byte> into) const;

  // Takes what was read out of the page cache again: weights are read past it.
  void forget() const;

  // The whole of a small file; one larger than `limit` bytes is refused.
  std::string text(std::uint64_t limit) const;

 private:
  File(std::string path, int descriptor, std::uint64_t size);
  std::string path_;
  int descriptor_;
  std::uint64_t size_;
};

}  // namespace strata::source
