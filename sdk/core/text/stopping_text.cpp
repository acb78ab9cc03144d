#include "core/text/stopping_text.hpp"

#include <algorithm>
#include <utility>

namespace strata::text {
namespace {

// Where the longest end of `text` begins that `stop` could go on from; the text's end: none.
std::size_t possible(std::string_view text, std::string_view stop) {
  for (auto at = text.size() - std::min(text.size(), stop.size() - 1); at < text.size(); ++at)
    if (stop.starts_with(text.substr(at))) return at;
  return text.size();
}

}  // namespace

std::string StoppingText::take(std::string text) {
  if (stopped_) return {};
  waiting_ += text;
  auto stop = std::string::npos;
  auto certain = waiting_.size();
  for (const auto& one : stops_) {
    stop = std::min(stop, waiting_.find(one));
    certain = std::min(certain, possible(waiting_, one));
  }
  stopped_ = stop != std::string::npos;
  auto out = waiting_.substr(0, stopped_ ? stop : certain);
  waiting_ = stopped_ ? std::string() : waiting_.substr(certain);
  return out;
}

std::string StoppingText::add(int32_t id) {
  return tokenizer_.has(id) ? take(stream_.add(id)) : std::string();
}

std::string StoppingText::finish() {
  auto out = take(stream_.finish());
  return out + std::exchange(waiting_, {});
}

}  // namespace strata::text
