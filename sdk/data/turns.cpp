#include "data/turns.hpp"

#include <algorithm>
#include <optional>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "data/renderings.hpp"

namespace strata::data {
namespace {

constexpr std::string_view white = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(white);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(white) + 1 - begin);
}

// The number of equal first bytes, whole characters.
std::size_t equal_beginning(std::string_view a, std::string_view b) {
  const auto most = std::min(a.size(), b.size());
  std::size_t count = 0;
  while (count < most && a[count] == b[count]) ++count;
  while (count > 0 && count < a.size() && (static_cast<unsigned char>(a[count]) >> 6) == 2) --count;
  return count;
}

// The length of the longest end of `text` with which `whole` begins.
std::size_t longest_end(std::string_view text, std::string_view whole) {
  const auto joined = std::string(whole.substr(0, text.size())) + '\xff' + std::string(text);
  std::vector<std::size_t> border(joined.size(), 0);
  for (std::size_t i = 1; i < joined.size(); ++i) {
    auto length = border[i - 1];
    while (length > 0 && joined[i] != joined[length]) length = border[length - 1];
    border[i] = length + (joined[i] == joined[length] ? 1 : 0);
  }
  return border.back();
}

class Finder {
 public:
  Finder(const text::ChatTemplate& chat, const text::Conversation& conversation,
         const TurnEnds& ends, const std::tm& now)
      : renderings_(chat, conversation, now), ends_(ends), whole_(renderings_.whole().text) {}

  Turns find(const std::vector<std::size_t>& wanted) {
    Turns out{renderings_.whole().text, {}};
    for (std::size_t i = 0; i < renderings_.size(); ++i) need_printed(i);
    for (const auto message : wanted) {
      auto turn = found(message);
      if (!turn) {
        const auto marked = by_marks(message);
        if (!marked)
          fail(message, "its characters cannot be told from the template's",
               "use a chat template that renders earlier turns as it renders the last one");
        turn = marked;
      }
      if (!out.turns.empty() && turn->begin < out.turns.back().end)
        fail(message, "its characters overlap those of an earlier turn",
             "use another chat template");
      need_end(*turn);
      cut_white(*turn);
      out.turns.push_back(*turn);
    }
    return out;
  }

 private:
  [[noreturn]] static void fail(std::size_t message, const std::string& what, const char* remedy) {
    throw Error("message " + std::to_string(message), what, remedy);
  }

  // Whoever trains on an answer means all that was said.
  void need_printed(std::size_t message) const {
    const auto& given = renderings_.message(message);
    const auto& role = given["role"];
    if (role != "user" && role != "assistant") return;
    constexpr std::size_t telling = 16;  // bytes that stand nowhere by chance
    const auto content = content_of(message);
    const bool stands = content.size() >= telling && whole_.find(content) != whole_.npos;
    if (!content.empty() && !stands && !renderings_.prints_content(message))
      fail(message, "the chat template does not print its content",
           R"(use another template, or write the content as [{"type": "text", "text": "..."}])");
    const auto calls = given.find("tool_calls");
    if (calls != given.end() && !calls->empty() && !renderings_.prints_calls(message))
      fail(message, "the chat template does not print its tool_calls",
           "use another chat template, or leave them out");
  }

  std::optional<Turn> found(std::size_t message) {
    replaced_.reset();
    const auto prompt = renderings_.first(message, true);
    // Without a generation prompt nothing but the template's own blocks tells a header from what is
    // said.
    if (renderings_.whole().blocks && prompt == renderings_.first(message, false))
      if (const auto marked = by_marks(message)) return marked;
    const auto begin = begin_of(message, prompt);
    if (!begin) return std::nullopt;
    const auto end = end_of(message, *begin, prompt);
    if (!end || *end < *begin) return std::nullopt;
    return Turn{message, *begin, *end};
  }

  // The rendering with another content, made where it is first needed.
  const std::optional<Renderings::Replaced>& replaced(std::size_t message) {
    if (!replaced_) replaced_ = renderings_.replaced(message);
    return *replaced_;
  }

  // The first byte behind the generation prompt.
  std::optional<std::size_t> begin_of(std::size_t message,
                                      const std::optional<std::string>& prompt) {
    if (!prompt) return std::nullopt;
    if (whole_.starts_with(*prompt)) return prompt->size();
    const auto before = renderings_.first(message, false);
    const auto& other = replaced(message);
    if (!other || !before || !prompt->starts_with(*before)) return std::nullopt;
    const auto added = std::string_view(*prompt).substr(before->size());
    if (added.empty()) return std::nullopt;
    // Earlier turns may be rendered otherwise in the whole text; the prompt's own words stand
    // before the content there.
    std::optional<std::size_t> begin;
    const auto head = std::string_view(other->text).substr(0, other->begin);
    if (const auto at = head.rfind(added); at != head.npos) {
      begin = at + added.size();
    } else {
      // The prompt may open a block that the whole text leaves out.
      const auto count = equal_beginning(*prompt, head);
      if (count > before->size()) begin = count;
    }
    if (begin && whole_.starts_with(head.substr(0, *begin))) return begin;
    // A block that the prompt closes may hold thoughts in the whole text.
    const auto count = std::min(equal_beginning(*prompt, head), equal_beginning(whole_, *prompt));
    if (count > before->size()) return count;
    return std::nullopt;
  }

  std::optional<std::size_t> end_of(std::size_t message, std::size_t begin,
                                    const std::optional<std::string>& prompt) {
    if (message + 1 == renderings_.size()) return whole_.size();
    const auto through = renderings_.first(message + 1, false);
    if (through && through->size() > begin && whole_.starts_with(*through)) return through->size();
    if (through && prompt && through->starts_with(*prompt))
      if (const auto end = by_last_form(message, begin, through->substr(prompt->size())))
        return end;
    if (const auto& other = replaced(message)) return by_rest(begin, *other);
    return std::nullopt;
  }

  // The turn as the template renders it where it is the last one: the whole text has its end.
  std::optional<std::size_t> by_last_form(std::size_t message, std::size_t begin,
                                          std::string_view turn) const {
    const auto length = longest_end(turn, whole_.substr(begin));
    const auto kept = turn.substr(turn.size() - length);
    if (trimmed(kept).empty()) return std::nullopt;
    const auto content = content_of(message);
    if (turn.find(content) != turn.npos && kept.find(content) == kept.npos) return std::nullopt;
    return begin + length;
  }

  // The text behind the content is the same for any content. A special token directly behind it
  // ends the turn.
  std::optional<std::size_t> by_rest(std::size_t begin, const Renderings::Replaced& other) const {
    const auto rest = std::string_view(other.text).substr(other.end);
    if (!whole_.ends_with(rest) || whole_.size() - rest.size() < begin) return std::nullopt;
    const auto length = special_length(rest);
    if (length == 0) return std::nullopt;
    return whole_.size() - rest.size() + length;
  }

  std::optional<Turn> by_marks(std::size_t message) const {
    const auto& blocks = renderings_.whole().blocks;
    if (!blocks) return std::nullopt;
    std::size_t before = 0;
    std::size_t all = 0;
    for (std::size_t i = 0; i < renderings_.size(); ++i) {
      const bool assistant = renderings_.message(i)["role"] == "assistant";
      all += assistant ? 1 : 0;
      before += assistant && i < message ? 1 : 0;
    }
    if (blocks->size() != all) return std::nullopt;
    return Turn{message, (*blocks)[before].first, (*blocks)[before].second};
  }

  std::string_view content_of(std::size_t message) const {
    const auto& given = renderings_.message(message);
    const auto content = given.find("content");
    return content != given.end() && content->is_string()
               ? trimmed(content->get_ref<const std::string&>())
               : std::string_view();
  }

  // The length of the special token at the beginning of `text`; 0 where there is none.
  std::size_t special_length(std::string_view text, std::int32_t* id = nullptr) const {
    auto beginning = text.substr(0, 256);
    while (!beginning.empty() && beginning.size() < text.size() &&
           (static_cast<unsigned char>(text[beginning.size()]) >> 6) == 2)
      beginning.remove_suffix(1);
    std::vector<text::TextStretch> stretches;
    const auto ids = ends_.tokenizer.encode(beginning, false, stretches);
    if (stretches.empty() || !stretches[0].token) return 0;
    const auto first = ids[stretches[0].first];
    if (id) *id = first;
    return ends_.tokenizer.is_special(first) || is_end(first) ? stretches[0].end : 0;
  }

  bool is_end(std::int32_t id) const { return std::ranges::find(ends_.ids, id) != ends_.ids.end(); }

  // Whether text or a token stands behind the content, by which a reader knows the turn's end.
  bool has_end(const Turn& turn) const {
    const auto text = trimmed(whole_.substr(turn.begin, turn.end - turn.begin));
    std::vector<text::TextStretch> stretches;
    const auto ids = ends_.tokenizer.encode(text, false, stretches);
    if (!stretches.empty() && stretches.back().token) return true;
    const auto content = content_of(turn.message);
    const auto at = text.rfind(content);
    return !content.empty() && at != text.npos && at + content.size() < text.size();
  }

  void need_end(Turn& turn) const {
    if (turn.end == whole_.size() || has_end(turn)) return;
    std::int32_t id = -1;
    const auto length = special_length(whole_.substr(turn.end), &id);
    if (length == 0 || !is_end(id))
      fail(turn.message, "the chat template ends the turn with no token that can be scored",
           "use another chat template, or rows with one answer");
    turn.end += length;
  }

  // Inference stops at the token that ends the turn. A template's own block may go on.
  void cut_white(Turn& turn) const {
    const auto text = whole_.substr(turn.begin, turn.end - turn.begin);
    const auto last = text.find_last_not_of(white);
    if (last == text.npos) return;
    std::vector<text::TextStretch> stretches;
    ends_.tokenizer.encode(text.substr(0, last + 1), false, stretches);
    if (!stretches.empty() && stretches.back().token) turn.end = turn.begin + last + 1;
    const auto marked = by_marks(turn.message);
    if (marked && marked->begin <= turn.begin && marked->end > turn.end &&
        trimmed(whole_.substr(turn.end, marked->end - turn.end)).empty())
      turn.end = marked->end;
  }

  Renderings renderings_;
  const TurnEnds& ends_;
  std::string_view whole_;
  std::optional<std::optional<Renderings::Replaced>> replaced_;  // of the message at hand
};

}  // namespace

Turns find_turns(const text::ChatTemplate& chat, const text::Conversation& conversation,
                 const std::vector<std::size_t>& wanted, const TurnEnds& ends, const std::tm& now) {
  return Finder(chat, conversation, ends, now).find(wanted);
}

}  // namespace strata::data
