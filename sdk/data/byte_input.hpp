// The bytes of a data file, read once from the beginning to the end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/source/file.hpp"
#include "data/digest.hpp"

namespace strata::data {

class ByteInput {
 public:
  virtual ~ByteInput() = default;
  // The next bytes, valid until the next call; empty at the end.
  virtual std::string_view next() = 0;
};

// A file, as it is when it is opened: bytes that are appended later are not read. Its digest is
// that of the bytes that were given, so that it holds for the rows even where the file changes
// meanwhile.
class FileInput final : public ByteInput {
 public:
  // Throws Error for a file that is missing or unreadable, as next() does.
  explicit FileInput(const std::string& path);
  std::string_view next() override;
  // The SHA-256 in hex digits; call it once, after the end.
  std::string sha256();

 private:
  std::shared_ptr<const source::File> file_;
  std::uint64_t at_ = 0;
  std::vector<char> block_;
  Digest digest_;
};

// A text in memory, which outlives this, given in parts of so many bytes.
class TextInput final : public ByteInput {
 public:
  explicit TextInput(std::string_view text, std::size_t part = 1 << 20)
      : rest_(text), part_(part) {}
  std::string_view next() override {
    const auto out = rest_.substr(0, part_);
    rest_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view rest_;
  std::size_t part_;
};

// Walks through an input byte by byte and counts lines from 1. A byte order mark at the beginning
// is skipped.
class ByteCursor {
 public:
  explicit ByteCursor(ByteInput& input);

  bool at_end() { return at_ == held_.size() && !more(); }
  // Of a cursor that is not at the end.
  char peek() { return at_end() ? '\0' : held_[at_]; }
  char take() {
    const char c = peek();
    ++at_;
    if (c == '\n') ++line_;
    return c;
  }
  void skip_white();  // the white space of JSON
  std::uint64_t line() const { return line_; }

 private:
  bool more();

  ByteInput& input_;
  std::string_view held_;
  std::string mark_;  // the first bytes, where they came in small parts
  std::size_t at_ = 0;
  std::uint64_t line_ = 1;
};

}  // namespace strata::data
