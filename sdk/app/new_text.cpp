#include "app/new_text.hpp"

namespace strata::app {

NewText::NewText(const text::Tokenizer& tokenizer, std::size_t rows,
                 const std::vector<std::string>& stops)
    : texts_(rows), told_(rows), pieces_(rows) {
  for (std::size_t row = 0; row < rows; ++row) streams_.emplace_back(tokenizer, stops);
}

bool NewText::add(std::size_t row, int32_t id) {
  pieces_[row].emplace_back();
  take(row, streams_[row].add(id));
  return streams_[row].stopped();
}

void NewText::end(std::size_t row) { take(row, streams_[row].finish()); }

std::string NewText::fresh(std::size_t row) {
  auto out = texts_[row].substr(told_[row]);
  told_[row] = texts_[row].size();
  return out;
}

void NewText::take(std::size_t row, const std::string& text) {
  texts_[row] += text;
  if (!pieces_[row].empty()) pieces_[row].back() += text;
}

}  // namespace strata::app
