#include "host/commands/new_text.hpp"

#include "host/process/output.hpp"

namespace strata::host {

NewText::NewText(const text::Tokenizer& tokenizer, std::size_t rows,
                 const std::vector<std::string>& stops, bool silent)
    : texts_(rows), pieces_(rows), silent_(silent) {
  for (std::size_t row = 0; row < rows; ++row) streams_.emplace_back(tokenizer, stops);
}

bool NewText::add(std::size_t row, int32_t id) {
  pieces_[row].emplace_back();
  take(row, streams_[row].add(id));
  return streams_[row].stopped();
}

void NewText::end(std::size_t row) {
  take(row, streams_[row].finish());
  if (silent_) return;
  if (texts_.size() == 1) return print("\n");
  print("[" + std::to_string(row) + "] " + texts_[row] + "\n");
}

void NewText::take(std::size_t row, const std::string& text) {
  texts_[row] += text;
  if (!pieces_[row].empty()) pieces_[row].back() += text;
  if (!silent_ && texts_.size() == 1) print(text);
}

}  // namespace strata::host
