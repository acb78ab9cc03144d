// The text of new tokens, up to the first stop text.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/stopping_text.hpp"

namespace strata::app {

// One text for each row of a request. The tokenizer must outlive this object.
class NewText {
 public:
  NewText(const text::Tokenizer& tokenizer, std::size_t rows,
          const std::vector<std::string>& stops);

  // Returns true if a stop text ends the row with this token.
  bool add(std::size_t row, int32_t id);
  // The row has no more tokens: text that waited belongs to its last token.
  void end(std::size_t row);
  // The text that has come since the last call.
  std::string fresh(std::size_t row);
  const std::vector<std::string>& texts() const { return texts_; }
  // The text that each token added; concatenated, the pieces are the row's text.
  const std::vector<std::vector<std::string>>& pieces() const { return pieces_; }

 private:
  void take(std::size_t row, const std::string& text);

  std::vector<text::StoppingText> streams_;
  std::vector<std::string> texts_;
  std::vector<std::size_t> told_;  // bytes of each text that fresh() has returned
  std::vector<std::vector<std::string>> pieces_;
};

}  // namespace strata::app
