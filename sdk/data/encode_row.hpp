// Rows into tokens and their loss mask.
#pragma once
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/row.hpp"
#include "data/token_rows.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace strata::data {

// The tokens whose loss counts. By shape: all of a text, a completion, what assistants say.
enum class LossOn { by_shape, all, completion, assistant };

struct EncodeOptions {
  std::uint32_t max_length = 2048;  // tokens of a row
  LossOn loss_on = LossOn::by_shape;
  bool score_padding = false;       // pads every row to max_length and scores all of it
  std::optional<std::int32_t> eos;  // ends each row; none: nothing is added
  std::vector<std::int32_t> ends;   // ids that end a text at inference, eos among them
  std::int32_t pad = 0;             // with score_padding
  std::int64_t known = 0;           // ids that the model has, from 0 on; 0: any
  std::tm now{};                    // for templates that name the date
};

// A row's tokens before they are cut to max_length: `unscored` rows have no scored token.
struct EncodedRow {
  TokenRow row;
  std::uint32_t cut = 0;  // tokens behind max_length
  bool unscored = false;  // nothing was scored before it was cut either
};

// For one thread at a time; what it is given outlives it.
class RowEncoder {
 public:
  // `chat` opens the model's chat template; it is called where a row has messages. Throws
  // UsageError for options that contradict each other.
  RowEncoder(const text::Tokenizer& tokenizer, std::function<const text::ChatTemplate&()> chat,
             EncodeOptions options);

  // [Note: tokens of a row] The ids are those of the whole text as inference encodes it: messages
  // through the template, without the tokens that a post-processor adds; other rows with them. A
  // token that stands for characters of both sides of a boundary is scored. The row ends with the
  // eos token: where it is not there, it is added, scored as the text before it; where the template
  // put only white space behind it, that is left out. The first token is never scored.
  EncodedRow encode(const Row& row) const;

  // Refuses an id that the model has no row for, in its table or its head. Throws Error beginning
  // with `place`.
  void need_known(std::span<const std::int32_t> ids, const std::string& place) const;

  const EncodeOptions& options() const { return options_; }

 private:
  // A stretch of a text with one weight.
  struct Stretch {
    std::size_t begin, end;
    float weight;
  };
  struct Draft {
    std::vector<std::int32_t> ids;
    std::vector<Scored> scored;
    float end_weight = 0;  // of an eos that is added
  };
  Draft draft_of_text(const Row& row) const;
  Draft draft_of_messages(const Row& row) const;
  Draft drafted(const std::string& text, const std::vector<Stretch>& stretches, bool special) const;
  std::vector<std::size_t> wanted_messages(const Row& row) const;
  void end_with_eos(Draft& draft, bool chat) const;
  EncodedRow cut(Draft draft) const;

  const text::Tokenizer& tokenizer_;
  std::function<const text::ChatTemplate&()> chat_;
  EncodeOptions options_;
};

}  // namespace strata::data
