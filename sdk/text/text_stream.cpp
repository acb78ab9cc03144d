#include "text/text_stream.hpp"

namespace strata::text {

TextStream::TextStream(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(tokenizer), skip_special_(skip_special) {
  start();
}

void TextStream::start() {
  steps_.clear();
  for (const auto& step : tokenizer_.decoder()) steps_.push_back(step());
}

// Gives a part of a token to a step, that step's output to the next one, and so on.
void TextStream::pass(std::size_t step, std::string_view part, bool last, std::string& text) {
  if (step == steps_.size()) {
    text += part;
    return;
  }
  steps_[step]->add(part, last, [&](std::string_view made, bool made_last) {
    pass(step + 1, made, made_last, text);
  });
}

std::string TextStream::add(int32_t id) {
  std::string text;
  const auto& token = tokenizer_.piece(id);
  if (!skip_special_ || !tokenizer_.is_special(id)) pass(0, token, true, text);
  return text;
}

std::string TextStream::finish() {
  std::string text;
  for (std::size_t step = 0; step < steps_.size(); ++step)
    steps_[step]->finish(
        [&](std::string_view made, bool last) { pass(step + 1, made, last, text); });
  start();
  return text;
}

}  // namespace strata::text
