#include "data/encode_row.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "data/content_parts.hpp"
#include "data/turns.hpp"
#include "text/token_cuts.hpp"

namespace strata::data {
namespace {

bool is_assistant(const OrderedJson& message) {
  const auto role = message.find("role");
  return role != message.end() && *role == "assistant";
}

}  // namespace

RowEncoder::RowEncoder(const text::Tokenizer& tokenizer,
                       std::function<const text::ChatTemplate&()> chat, EncodeOptions options)
    : tokenizer_(tokenizer), chat_(std::move(chat)), options_(std::move(options)) {
  if (options_.max_length < 2)
    throw UsageError("--max-length", "a row of fewer than 2 tokens scores nothing", "raise it");
  if (!options_.score_padding) return;
  if (options_.loss_on != LossOn::by_shape && options_.loss_on != LossOn::all)
    throw UsageError("--score-padding", "it scores whole rows", "leave --loss-on out");
  options_.loss_on = LossOn::all;
}

EncodedRow RowEncoder::encode(const Row& row) const {
  const bool chat = row.kind == Row::Kind::messages;
  auto draft = chat ? draft_of_messages(row) : draft_of_text(row);
  end_with_eos(draft, chat);
  return cut(std::move(draft));
}

void RowEncoder::need_known(std::span<const std::int32_t> ids, const std::string& place) const {
  if (options_.known == 0) return;
  const auto outside =
      std::ranges::find_if(ids, [&](std::int32_t id) { return id < 0 || id >= options_.known; });
  if (outside == ids.end()) return;
  auto token = "its token " + std::to_string(*outside);
  if (tokenizer_.has(*outside))
    token += ", '" + printable(tokenizer_.decode({&*outside, 1}, false), 60) + "',";
  throw Error(place,
              token + " has no row in the model's table of " + std::to_string(options_.known),
              "give the model its own tokenizer, or its table a row for each token with "
              "--resize-embeddings 1");
}

RowEncoder::Draft RowEncoder::draft_of_text(const Row& row) const {
  const auto text = row.prompt + row.completion;
  const bool all = options_.loss_on == LossOn::all ||
                   (row.kind == Row::Kind::text && options_.loss_on == LossOn::by_shape);
  const bool none = row.kind == Row::Kind::text && !all;  // a text has no completion
  const float weight = none ? 0 : 1;
  auto draft = drafted(text, {{all ? 0 : row.prompt.size(), text.size(), weight}}, true);
  draft.end_weight = weight;
  return draft;
}

// The messages whose turns have to be found: those that are scored, or with everything scored those
// that are weighted otherwise.
std::vector<std::size_t> RowEncoder::wanted_messages(const Row& row) const {
  const auto& messages = row.conversation.messages;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!is_assistant(messages[i])) continue;
    const auto weight = row.weights[i];
    bool wanted = weight > 0;
    if (options_.loss_on == LossOn::all)
      wanted = weight != 1;
    else if (options_.loss_on != LossOn::assistant && i < row.prompt_messages)
      wanted = false;
    if (wanted) out.push_back(i);
  }
  if (options_.loss_on == LossOn::completion && row.prompt_messages == 0 && !out.empty())
    out.erase(out.begin(), out.end() - 1);
  return out;
}

RowEncoder::Draft RowEncoder::draft_of_messages(const Row& row) const {
  const auto wanted = wanted_messages(row);
  const bool all = options_.loss_on == LossOn::all;
  const TurnEnds ends{tokenizer_, options_.ends};
  const auto& chat = chat_();
  const auto found = has_parts(row.conversation)
                         ? find_turns(chat, with_joined_parts(chat, row.conversation, options_.now),
                                      wanted, ends, options_.now)
                         : find_turns(chat, row.conversation, wanted, ends, options_.now);
  std::vector<Stretch> stretches;
  std::size_t done = 0;
  for (const auto& turn : found.turns) {
    if (all) stretches.push_back({done, turn.begin, 1});
    stretches.push_back({turn.begin, turn.end, row.weights[turn.message]});
    done = turn.end;
  }
  if (all) stretches.push_back({done, found.text.size(), 1});
  auto draft = drafted(found.text, stretches, false);
  const auto last = row.conversation.messages.size() - 1;
  const bool ends_with = !wanted.empty() && wanted.back() == last;
  draft.end_weight = all && !ends_with ? 1 : ends_with ? row.weights[last] : 0;
  return draft;
}

RowEncoder::Draft RowEncoder::drafted(const std::string& text,
                                      const std::vector<Stretch>& stretches, bool special) const {
  std::vector<std::size_t> places;
  for (const auto& stretch : stretches) places.insert(places.end(), {stretch.begin, stretch.end});
  auto encoded = text::encode_cut(tokenizer_, text, places, special);
  Draft draft{std::move(encoded.ids), {}};
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const auto& stretch = stretches[i];
    // A place before all text stands before the ids that a post-processor adds.
    auto begin = stretch.begin == 0 ? 0 : encoded.cuts[2 * i].before;
    const auto end = stretch.end == text.size() ? draft.ids.size() : encoded.cuts[2 * i + 1].after;
    if (!draft.scored.empty()) begin = std::max<std::size_t>(begin, draft.scored.back().end);
    if (begin < end && stretch.weight > 0)
      draft.scored.push_back(
          {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), stretch.weight});
  }
  return draft;
}

void RowEncoder::end_with_eos(Draft& draft, bool chat) const {
  if (!options_.eos) return;
  auto& ids = draft.ids;
  if (!ids.empty() && ids.back() == *options_.eos) return;
  if (chat) {
    const auto last = std::find(ids.rbegin(), ids.rend(), *options_.eos).base();
    const auto behind = std::span<const std::int32_t>(last, ids.end());
    if (last != ids.begin() &&
        tokenizer_.decode(behind, false).find_first_not_of(" \t\r\n") == std::string::npos) {
      ids.erase(last, ids.end());
      return;  // `cut` shortens what is scored
    }
  }
  const auto at = static_cast<std::uint32_t>(ids.size());
  ids.push_back(*options_.eos);
  if (draft.end_weight <= 0) return;
  draft.scored.push_back({at, at + 1, draft.end_weight});
}

EncodedRow RowEncoder::cut(Draft draft) const {
  EncodedRow out;
  const auto whole = draft.ids.size();
  const auto length = std::min<std::size_t>(whole, options_.max_length);
  draft.ids.resize(length);
  out.cut = static_cast<std::uint32_t>(whole - length);
  out.unscored = true;
  for (const auto& one : draft.scored) {
    const auto begin = std::max(one.begin, 1U);
    const auto end = std::min(one.end, static_cast<std::uint32_t>(whole));
    if (begin >= end) continue;
    out.unscored = false;
    if (begin >= length) continue;
    Scored kept{begin, std::min(end, static_cast<std::uint32_t>(length)), one.weight};
    auto& scored = out.row.scored;
    if (!scored.empty() && scored.back().end == begin && scored.back().weight == one.weight)
      scored.back().end = kept.end;
    else
      scored.push_back(kept);
  }
  out.row.ids = std::move(draft.ids);
  if (!options_.score_padding || out.row.ids.empty() || length == options_.max_length) return out;
  out.row.pads = options_.max_length - static_cast<std::uint32_t>(length);
  const Scored pads{static_cast<std::uint32_t>(length), options_.max_length, 1};
  out.row.scored.push_back(pads);
  out.unscored = false;
  return out;
}

}  // namespace strata::data
