// A file opened for reading by ranges.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace strata::source {

// Fills a span from an offset of a file, or throws. Parsers read through it, so that bytes need no
// file.
using ReadAt = std::function<void(std::uint64_t offset, std::span<std::byte> into)>;

// Whether there is something at the path; false also where that cannot be found out.
bool exists(const std::string& path);

// The largest configuration that is read, in bytes: config.json, an adapter's, a quantization's.
inline constexpr std::uint64_t longest_config = 16ull << 20;

// A read-only file; its size is that of the moment it was opened. Any threads may call any members
// at once.
class File {
 public:
  // Throws Error naming the path of a file that is missing, a folder, not a regular file,
  // unreadable, a Git LFS pointer or a web page.
  static std::shared_ptr<const File> open(const std::string& path);
  // Takes the descriptor of a file without a name. Its path, which this process alone can open, is
  // one of /proc.
  static std::shared_ptr<const File> unnamed(int descriptor);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  int descriptor() const { return descriptor_; }

  // Fills `into` from `offset`; throws Error naming the file and the range if it cannot.
  void read(std::uint64_t offset, std::span<std::byte> into) const;

  // Drops the file's pages from the page cache: weights are read past it.
  void forget() const;

  // Reads the whole of a small file; refuses one larger than `limit` bytes.
  std::string text(std::uint64_t limit) const;

 private:
  File(std::string path, int descriptor, std::uint64_t size);
  std::string path_;
  int descriptor_;
  std::uint64_t size_;
};

}  // namespace strata::source
