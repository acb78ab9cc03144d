// The text of new tokens: it is printed as it is made, and stop texts end it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/stopping_text.hpp"

namespace strata::host {

// The text of a single prompt is streamed; of several prompts, each text is printed when it is
// complete. With `silent` nothing is printed. The tokenizer must outlive this object.
class NewText {
 public:
  NewText(const text::Tokenizer& tokenizer, std::size_t rows, const std::vector<std::string>& stops,
          bool silent);

  // Returns true if a stop text ends the row with this token.
  bool add(std::size_t row, int32_t id);
  // The row has no more tokens.
  void end(std::size_t row);
  const std::vector<std::string>& texts() const { return texts_; }
  // The text that each token added; concatenated, the pieces are the row's text.
  const std::vector<std::vector<std::string>>& pieces() const { return pieces_; }

 private:
  void take(std::size_t row, const std::string& text);

  std::vector<text::StoppingText> streams_;
  std::vector<std::string> texts_;
  std::vector<std::vector<std::string>> pieces_;
  bool silent_;
};

}  // namespace strata::host
