#include "app/finetune/training_data.hpp"

#include <algorithm>

#include "app/conversations.hpp"
#include "app/ends.hpp"
#include "app/open_chat.hpp"
#include "app/open_tokenizer.hpp"
#include "core/error.hpp"
#include "data/preview.hpp"

namespace strata::app {
namespace {

data::LossOn loss_on(const std::string& word) {
  if (word == "all") return data::LossOn::all;
  if (word == "completion") return data::LossOn::completion;
  if (word == "assistant") return data::LossOn::assistant;
  return data::LossOn::by_shape;
}

void say(const FinetuneEvents& events, const std::string& line) {
  if (events.say) events.say(line);
}

// "12 rows, 3,400 tokens of which 1,200 are scored; 2 rows were truncated by 30 tokens; ...".
std::string words_of(const data::LoadCounts& counts, std::int64_t max_length) {
  auto out = std::to_string(counts.kept) + " rows, " + std::to_string(counts.tokens) + " tokens, " +
             std::to_string(counts.scored_tokens) + " of them scored";
  if (counts.truncated > 0)
    out += "; " + std::to_string(counts.truncated) + " rows are cut to " +
           std::to_string(max_length) + " tokens";
  if (counts.unscored > 0)
    out += "; " + std::to_string(counts.unscored) + " rows have nothing that is scored";
  if (counts.cut_unscored > 0)
    out += "; " + std::to_string(counts.cut_unscored) +
           " rows have nothing scored in their first " + std::to_string(max_length) + " tokens";
  if (counts.cut_tokens > 0)
    out += "; " + std::to_string(counts.cut_tokens) + " tokens are cut off";
  return out;
}

// The first row as text, with the scored parts in brackets.
void show_first_row(const TrainingData& data, const FinetuneEvents& events) {
  constexpr std::size_t shown = 256;  // tokens
  if (!events.say || data.split.training.empty()) return;
  std::string text;
  for (const auto& piece :
       data::preview(data.loaded.rows, data.split.training.front(), *data.tokenizer, shown)) {
    const bool scored = piece.weight > 0;
    text += (scored ? "[[" : "") + piece.text + (scored ? "]]" : "");
  }
  events.say("the first row, scored text in [[ ]]:");
  events.say(text);
}

std::int64_t longest_of(const data::TokenRows& rows) {
  std::int64_t out = 1;
  for (std::size_t r = 0; r < rows.size(); ++r) out = std::max<std::int64_t>(out, rows.length(r));
  return out;
}

}  // namespace

TrainingData open_training_data(const run::Model& model, const FinetuneOptions& options,
                                const Plugins& plugins, const FinetuneEvents& events) {
  TrainingData out;
  out.tokenizer = open_tokenizer(*model.checkpoint, plugins.log());
  std::optional<text::ChatTemplate> chat;
  const auto open_template = [&]() -> const text::ChatTemplate& {
    if (!chat) chat = open_chat(*model.checkpoint, *out.tokenizer);
    return *chat;
  };
  const auto generation = open_generation_config(*model.checkpoint);
  data::EncodeOptions encode{.max_length = static_cast<std::uint32_t>(options.max_length),
                             .loss_on = loss_on(options.loss_on),
                             .score_padding = options.score_padding,
                             .eos = {},
                             .ends = ends_of(model, generation),
                             .pad = 0,
                             .now = local_now()};
  if (!encode.ends.empty()) encode.eos = encode.ends.front();
  if (encode.eos) encode.pad = *encode.eos;
  const data::RowEncoder encoder(*out.tokenizer, open_template, encode);
  out.loaded = data::load_rows(options.data, encoder);
  say(events, "data: " + words_of(out.loaded.counts, options.max_length));
  const auto rows = static_cast<std::uint32_t>(out.loaded.rows.size());
  const auto used = static_cast<std::uint32_t>(
      std::max(1.0, static_cast<double>(rows) * options.dataset_percentage / 100));
  if (options.validation_fraction > 0)
    out.split = data::split_rows(used, options.validation_fraction,
                                 static_cast<std::uint64_t>(options.seed), options.shuffle);
  else
    out.split = data::unsplit(used);
  if (!options.validation_file.empty()) {
    out.validation = data::load_rows({options.validation_file}, encoder);
    say(events, "validation: " + words_of(out.validation.counts, options.max_length));
    out.split.validation =
        data::unsplit(static_cast<std::uint32_t>(out.validation.rows.size())).training;
  }
  out.longest = std::max(longest_of(out.loaded.rows), longest_of(out.validation.rows));
  show_first_row(out, events);
  return out;
}

data::BatchOptions batch_options(const FinetuneOptions& options) {
  return {.batch_size = static_cast<std::uint32_t>(options.batch_size),
          .accumulation = static_cast<std::uint32_t>(options.gradient_accumulation_steps),
          .epochs = options.num_train_epochs,
          .max_steps = static_cast<std::uint64_t>(options.max_steps),
          .shuffle = options.shuffle,
          .seed = static_cast<std::uint64_t>(options.seed),
          .packing = options.packing,
          .max_length = static_cast<std::uint32_t>(options.max_length)};
}

}  // namespace strata::app
