#include "core/source/gguf_cursor.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t max_header = 256ull << 20;
constexpr std::size_t step = 256 << 10;

}  // namespace

void GgufCursor::take(std::span<std::byte> into, std::string_view of) {
  if (into.size() > left())
    throw Error(path_, "ends inside " + std::string(of), "the file is cut short; fetch it again");
  if (into.size() > max_header || offset() > max_header - into.size())
    throw Error(path_, "header is over the limit of " + std::to_string(max_header) + " bytes",
                "the file is damaged; fetch it again");
  while (!into.empty()) {
    if (at_ == buffer_.size()) {
      begin_ += at_;
      at_ = 0;
      buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(step, size_ - begin_)));
      read_(begin_, buffer_);
    }
    const auto some = std::min(into.size(), buffer_.size() - at_);
    std::memcpy(into.data(), buffer_.data() + at_, some);
    at_ += some;
    into = into.subspan(some);
  }
}

std::uint64_t GgufCursor::count(std::string_view of, std::uint64_t each, std::uint64_t limit) {
  const auto value = number<std::uint64_t>(of);
  if (value > limit)
    throw Error(path_,
                std::string(of) + " is " + std::to_string(value) + ", over the limit of " +
                    std::to_string(limit),
                "the file is damaged; fetch it again");
  if (value > left() / each)
    throw Error(path_,
                std::string(of) + " is " + std::to_string(value) + ", more than the file holds",
                "the file is cut short; fetch it again");
  return value;
}

std::string GgufCursor::text(std::string_view of, std::uint64_t limit) {
  std::string out(static_cast<std::size_t>(count("the length of " + std::string(of), 1, limit)),
                  '\0');
  take(std::as_writable_bytes(std::span(out)), of);
  return out;
}

}  // namespace strata::source
