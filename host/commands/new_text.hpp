// The text of new tokens: printed as it is made, ended by stop texts.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/text/stopping_text.hpp"

namespace strata::host {

// One prompt's text streams, several are printed as each is done; with `silent` none is. The
// tokenizer outlives this.
class NewText {
 public:
  NewText(const text::Tokenizer& tokenizer, std::size_t rows, const std::vector<std::string>& stops,
          bool silent);

  // True where a stop text ends the row with this token.
  bool add(std::size_t row, int32_t id);
  // The row has no more tokens.
  void end(std::size_t row);
  const std::vector<std::string>& texts() const { return texts_; }
  // By token the text that it added; one behind the other they are the row's text.
  const std::vector<std::vector<std::string>>& pieces() const { return pieces_; }

 private:
  void take(std::size_t row, const std::string& text);

  std::vector<text::StoppingText> streams_;
  std::vector<std::string> texts_;
  std::vector<std::vector<std::string>> pieces_;
  bool silent_;
};

}  // namespace strata::host
