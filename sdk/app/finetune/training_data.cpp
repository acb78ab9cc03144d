#include "app/finetune/training_data.hpp"

#include <algorithm>

#include "app/conversations.hpp"
#include "app/ends.hpp"
#include "app/finetune/pair_data.hpp"
#include "app/open_chat.hpp"
#include "app/open_tokenizer.hpp"
#include "app/token_ids.hpp"
#include "core/error.hpp"
#include "data/preview.hpp"
#include "registry/shared_library.hpp"

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
  if (data.has_pairs())
    return show_pair({&data.loaded.rows, &data.rejected, data.pairs}, data.split.training.front(),
                     *data.tokenizer, events);
  std::string text;
  for (const auto& piece :
       data::preview(data.loaded.rows, data.split.training.front(), *data.tokenizer, shown)) {
    const bool scored = piece.weight > 0;
    text += (scored ? "[[" : "") + piece.text + (scored ? "]]" : "");
  }
  events.say("the first row, scored text in [[ ]]:");
  events.say(text);
}

// Arrow is loaded where a file needs it.
std::unique_ptr<data::Records> open_parquet(data::ByteInput& input, const std::string& file) {
  return reinterpret_cast<data::OpenParquet*>(registry::function_of(
      "libstrata-parquet.so", "strata_open_parquet", "data", "build or install with Arrow"))(input,
                                                                                             file);
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
                             .known = table_rows(model),
                             .now = local_now()};
  if (!encode.ends.empty()) encode.eos = encode.ends.front();
  if (encode.eos) encode.pad = *encode.eos;
  const data::RowEncoder encoder(*out.tokenizer, open_template, encode);
  out.pairs = {encode.eos.value_or(-1), options.num_padding_at_beginning};
  // Fills the rows, and returns words about them; the rejected rows are those of pairs.
  const auto read = [&](const std::vector<std::string>& files, data::Loaded& loaded,
                        data::TokenRows& rejected) {
    if (!model.critic()) {
      loaded = data::load_rows(files, encoder, open_parquet);
      return words_of(loaded.counts, options.max_length);
    }
    auto pairs = data::load_pairs(files, encoder, open_parquet);
    auto words = words_of(pairs, options.max_length);
    loaded.rows = std::move(pairs.chosen), loaded.files = std::move(pairs.files);
    rejected = std::move(pairs.rejected);
    return words;
  };
  say(events, "data: " + read(options.data, out.loaded, out.rejected));
  const auto rows = static_cast<std::uint32_t>(out.loaded.rows.size());
  const auto used = static_cast<std::uint32_t>(
      std::max(1.0, static_cast<double>(rows) * options.dataset_percentage / 100));
  if (options.validation_fraction > 0)
    out.split = data::split_rows(used, options.validation_fraction,
                                 static_cast<std::uint64_t>(options.seed), options.shuffle);
  else
    out.split = data::unsplit(used);
  if (!options.validation_file.empty()) {
    say(events,
        "validation: " + read({options.validation_file}, out.validation, out.validation_rejected));
    out.split.validation =
        data::unsplit(static_cast<std::uint32_t>(out.validation.rows.size())).training;
  }
  out.longest = std::max({longest_of(out.loaded.rows), longest_of(out.rejected),
                          longest_of(out.validation.rows), longest_of(out.validation_rejected)});
  show_first_row(out, events);
  return out;
}

data::Batches TrainingData::batches(const data::BatchOptions& options) const {
  if (!has_pairs()) return {loaded.rows, split.training, options};
  return {data::PairRows{&loaded.rows, &rejected, pairs}, split.training, options};
}

data::Batches TrainingData::validation_batches(const data::BatchOptions& options) const {
  const bool own = validation.rows.size() > 0;
  const auto& rows = own ? validation.rows : loaded.rows;
  if (!has_pairs()) return {rows, split.validation, options};
  const auto& other = own ? validation_rejected : rejected;
  return {data::PairRows{&rows, &other, pairs}, split.validation, options};
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
