#include "host/ranks/child_output.hpp"

#include "host/process/rank_name.hpp"

namespace strata::host {
namespace {

constexpr std::string_view error_word = "error: ";
constexpr std::size_t longest_line = 64 << 10;

}  // namespace

ChildOutput::ChildOutput(std::uint32_t rank) : before_(rank > 0 ? rank_name(rank) : "") {}

std::string ChildOutput::take(std::string_view bytes) {
  std::string out;
  rest_ += bytes;
  std::size_t from = 0;
  for (auto at = rest_.find('\n'); at != rest_.npos; at = rest_.find('\n', from)) {
    add_line(std::string_view(rest_).substr(from, at - from), out);
    from = at + 1;
  }
  rest_.erase(0, from);
  if (rest_.size() > longest_line) out += end();
  return out;
}

std::string ChildOutput::end() {
  std::string out;
  if (!rest_.empty()) add_line(rest_, out);
  rest_.clear();
  return out;
}

void ChildOutput::add_line(std::string_view line, std::string& out) {
  if (line.starts_with(error_word)) {
    error_ = line.substr(error_word.size());
    return;
  }
  if (!line.starts_with(before_)) out += before_;
  out += line;
  out += '\n';
}

}  // namespace strata::host
