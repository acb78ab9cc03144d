#include "text/stopping_text.hpp"

#include <algorithm>
#include <utility>

namespace strata::text {
namespace {

// The beginning of the longest end of `text` that `stop` begins with; the text's end where none is.
std::size_t possible(std::string_view text, std::string_view stop) {
  for (auto at = text.size() - std::min(text.size(), stop.size() - 1); at < text.size(); ++at)
    if (stop.starts_with(text.substr(at))) return at;
  return text.size();
}

}  // namespace

std::string StoppingText::take(Part part) {
  if (stopped_) return {};
  waiting_ += part.whole;
  parts_.push_back(std::move(part));
  auto stop = std::string::npos;
  auto certain = waiting_.size();
  for (const auto& one : stops_) {
    stop = std::min(stop, waiting_.find(one));
    certain = std::min(certain, possible(waiting_, one));
  }
  stopped_ = stop != std::string::npos;
  return release(stopped_ ? stop : certain);
}

// Returns the shown text of the first `bytes` that wait. The two texts of a part end alike where it
// is no special token.
std::string StoppingText::release(std::size_t bytes) {
  std::string out;
  waiting_.erase(0, bytes);
  auto part = parts_.begin();
  for (; part != parts_.end() && part->whole.size() <= bytes; ++part) {
    bytes -= part->whole.size();
    out += part->shown;
  }
  parts_.erase(parts_.begin(), part);
  if (bytes == 0 || parts_.empty()) return out;
  auto& [shown, whole] = parts_.front();
  whole.erase(0, bytes);
  const auto given = shown.size() - std::min(shown.size(), whole.size());
  out += shown.substr(0, given);
  shown.erase(0, given);
  return out;
}

std::string StoppingText::add(int32_t id) {
  if (!tokenizer_.has(id)) return {};
  auto shown = shown_.add(id);
  auto whole = stops_.empty() ? shown : whole_.add(id);
  return take({std::move(shown), std::move(whole)});
}

std::string StoppingText::finish() {
  auto shown = shown_.finish();
  auto whole = stops_.empty() ? shown : whole_.finish();
  auto out = take({std::move(shown), std::move(whole)});
  return stopped_ ? out : out + release(waiting_.size());
}

}  // namespace strata::text
