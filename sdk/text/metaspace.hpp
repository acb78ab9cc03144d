// Words in the manner of sentencepiece: each space becomes a visible sign, which begins a word.
#pragma once
#include <string>

#include "text/pre_tokenizer.hpp"

namespace strata::text {

enum class PrependScheme { always, first, never };

// Puts `sign` before each piece that does not begin with it; with `first`, only at the beginning
// of the whole text.
void prepend(Pieces& pieces, std::string_view sign, bool first);

class Metaspace final : public PreTokenizer {
 public:
  // `sign` is one character.
  Metaspace(std::string sign, PrependScheme prepend, bool split)
      : sign_(std::move(sign)), prepend_(prepend), split_(split) {}
  void apply(Pieces& pieces, RegexRoom& room) const override;

 private:
  std::string sign_;
  PrependScheme prepend_;
  bool split_;
};

}  // namespace strata::text
