#include "data/byte_input.hpp"

#include <algorithm>
#include <span>

namespace strata::data {
namespace {

constexpr std::size_t block_size = 1 << 20;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

FileInput::FileInput(const std::string& path) : file_(source::File::open(path)) {}

std::string_view FileInput::next() {
  block_.resize(std::min<std::uint64_t>(block_size, file_->size() - at_));
  file_->read(at_, std::as_writable_bytes(std::span(block_)));
  at_ += block_.size();
  const std::string_view bytes(block_.data(), block_.size());
  digest_.add(bytes);
  return bytes;
}

std::string FileInput::sha256() { return digest_.hex(); }

ByteCursor::ByteCursor(ByteInput& input) : input_(input) {
  while (mark_.size() < byte_order_mark.size()) {
    const auto bytes = input_.next();
    if (bytes.empty()) break;
    mark_ += bytes;
  }
  held_ = mark_;
  if (held_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
}

bool ByteCursor::more() {
  held_ = input_.next();
  at_ = 0;
  return !held_.empty();
}

void ByteCursor::skip_white() {
  while (!at_end()) {
    const char c = peek();
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
    take();
  }
}

}  // namespace strata::data
