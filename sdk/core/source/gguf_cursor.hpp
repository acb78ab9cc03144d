// A cursor that reads a GGUF header forward, value by value, through a bounded buffer.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/source/gguf.hpp"

namespace strata::source {

class GgufCursor {
 public:
  GgufCursor(const ReadAt& read, std::uint64_t size, std::string_view path)
      : read_(read), size_(size), path_(path) {}

  std::uint64_t offset() const { return begin_ + at_; }
  std::uint64_t left() const { return size_ - offset(); }
  const std::string path() const { return std::string(path_); }

  // Reads the next number of T's size; throws Error if the file ends first or the header passes its
  // limit.
  template <class T>
  T number(std::string_view of) {
    T out;
    take(std::as_writable_bytes(std::span(&out, 1)), of);
    return out;
  }

  // Reads eight bytes of length, then as many bytes, at most `limit`.
  std::string text(std::string_view of, std::uint64_t limit);

  // Reads a count of things of at least `each` bytes; throws Error if the rest of the file cannot
  // hold them.
  std::uint64_t count(std::string_view of, std::uint64_t each, std::uint64_t limit);

 private:
  void take(std::span<std::byte> into, std::string_view of);

  const ReadAt& read_;
  std::uint64_t size_, begin_ = 0;  // the file's size; the buffer's offset in it
  std::string_view path_;
  std::vector<std::byte> buffer_;
  std::size_t at_ = 0;
};

}  // namespace strata::source
