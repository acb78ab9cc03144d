#include "app/finetune/pair_data.hpp"

#include <algorithm>

#include "data/preview.hpp"

namespace strata::app {
namespace {

// One row with what of it is compared.
data::TokenRow compared_row(std::span<const std::int32_t> ids, const data::PairWindow& window) {
  data::TokenRow out;
  out.ids.assign(ids.begin(), ids.end());
  const auto end = std::min(window.end, static_cast<std::uint32_t>(ids.size()));
  if (window.begin < end) out.scored = {{window.begin, end, 1}};
  return out;
}

}  // namespace

std::string words_of(const data::TokenPairs& pairs, std::int64_t max_length) {
  std::uint64_t tokens = 0;
  for (const auto* rows : {&pairs.chosen, &pairs.rejected})
    for (std::size_t r = 0; r < rows->size(); ++r) tokens += rows->ids(r).size();
  auto out = std::to_string(pairs.chosen.size()) + " pairs, " + std::to_string(tokens) + " tokens";
  const auto length = std::to_string(max_length);
  if (pairs.truncated > 0)
    out += "; " + std::to_string(pairs.truncated) + " pairs are cut to " + length + " tokens";
  if (pairs.cut > 0)
    out += "; " + std::to_string(pairs.cut) +
           " pairs are left out: an answer is not in the first " + length + " tokens";
  if (pairs.equal > 0)
    out += "; " + std::to_string(pairs.equal) +
           " pairs teach nothing: their answers are equal in " + "the first " + length + " tokens";
  return out;
}

void show_pair(const data::PairRows& rows, std::size_t row, const text::Tokenizer& tokenizer,
               const FinetuneEvents& events) {
  constexpr std::size_t shown = 256;  // tokens
  if (!events.say) return;
  const auto chosen = rows.chosen->ids(row), rejected = rows.rejected->ids(row);
  const auto window = data::pair_window(chosen, rejected, rows.options);
  data::TokenRows both;
  both.add(compared_row(chosen, window));
  both.add(compared_row(rejected, window));
  events.say("the first pair, chosen and rejected, compared text in [[ ]]:");
  for (std::size_t r = 0; r < both.size(); ++r) {
    std::string text;
    for (const auto& piece : data::preview(both, r, tokenizer, shown))
      text += piece.weight > 0 ? "[[" + piece.text + "]]" : piece.text;
    events.say(text);
  }
}

}  // namespace strata::app
