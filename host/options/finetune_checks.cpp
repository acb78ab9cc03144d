#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "host/cli/require.hpp"
#include "host/options/finetune_options.hpp"

namespace strata::host {
namespace {

// The number that the whole of the text is.
std::optional<double> number_in(const std::string& text) {
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return out;
}

void check_validation(const std::string& validation) {
  const auto fraction = number_in(validation);
  if (fraction && !(*fraction > 0 && *fraction < 1))
    throw UsageError("--validation", "'" + validation + "' is no part of the data",
                     "give a number above 0 and below 1, or a file (./" + validation + ")");
}

void check_lora(const FinetuneCommand& o) {
  if (o.train.lora.rank > 0) return;
  for (const auto* option : {"lora-alpha", "lora-dropout", "lora-targets", "lora-target-parameters",
                             "lora-rslora", "lora-merge"}) {
    std::string key = std::string("train.") + option;
    for (auto& c : key)
      if (c == '-') c = '_';
    if (o.given.contains(key))
      throw UsageError(std::string("--") + option, "needs --lora", "add --lora RANK");
  }
}

// Adafactor has no such numbers.
void check_adafactor(const FinetuneCommand& o) {
  if (o.train.optimizer != "adafactor") return;
  for (const std::string name : {"betas", "eps"})
    if (o.given.contains("train." + name))
      throw UsageError("--" + name, "adafactor has none", "leave it out");
}

// The optimizer has float32 numbers: a smaller epsilon is 0 there, and 0 / 0 no number.
void check_eps(double eps) {
  if (!(static_cast<float>(eps) > 0))
    throw UsageError("--eps", cli::number_text(eps) + " is 0 in float32",
                     "give more, such as 1e-8");
}

void check_intervals(const FinetuneCommand& o) {
  if (o.train.validate_every > 0 && o.validation.empty())
    throw UsageError("--validate-every", "needs --validation", "add --validation FILE|FRACTION");
  if (o.train.keep > 0 && o.train.save_every == 0 && !o.train.save_checkpoint)
    throw UsageError("--keep", "needs --save-every", "add --save-every N");
}

void refuse_pair(bool both, const char* option, const char* other, const char* remedy) {
  if (both) throw UsageError(option, std::string("not with ") + other, remedy);
}

// Names between commas, each for itself; a text with a character of regular expressions stays
// whole.
std::vector<std::string> names_of(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const auto& text : texts) {
    if (text.find_first_of("()[]{}*|\\^$+?") != text.npos) {
      out.push_back(text);
      continue;
    }
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(text.find(',', begin), text.size());
      if (end > begin) out.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return out;
}

}  // namespace

void check_finetune(const FinetuneCommand& o) {
  const auto& t = o.train;
  if (t.init_seed >= 0)
    require_model_or_shape(o);
  else
    require_model(o);
  if (o.model.ends_with(".ckpt") || o.model.ends_with(".ckpt.index"))
    throw UsageError(o.model, "is a checkpoint of TensorFlow",
                     "convert it with transformers and give the folder");
  cli::require(!t.data.empty(), "--data", "give a file of rows: JSON, JSONL, CSV, Parquet or text");
  cli::require(!t.output.empty(), "--output", "give the folder to write");
  cli::require(t.lr > 0, "--lr", "give a learning rate, such as 1e-5; with --lora, such as 2e-4");
  if (t.warmup > 1 && t.warmup != std::floor(t.warmup))
    throw UsageError("--warmup", cli::number_text(t.warmup) + " is no number of steps",
                     "give whole steps, or a part of all steps below 1");
  check_eps(t.eps);
  check_validation(o.validation);
  check_intervals(o);
  check_lora(o);
  check_adafactor(o);
  refuse_pair(t.packing && t.score_padding, "--score-padding", "--packing",
              "packed rows have no padding: leave one of them out");
  refuse_pair(o.critic && (t.packing || t.score_padding || t.loss_on != "auto"), "--critic",
              "--packing, --score-padding or --loss-on", "a reward model compares whole answers");
  refuse_pair(o.critic && t.label_smoothing > 0, "--critic", "--label-smoothing",
              "it is for tokens that are predicted");
  refuse_pair(o.critic && t.lora.rank > 0, "--critic", "--lora", "train the whole reward model");
  if (!o.critic && o.given.contains("model.num_padding_at_beginning"))
    throw UsageError("--num-padding-at-beginning", "needs --critic", "add --critic");
  refuse_pair(t.init_seed >= 0 && t.lora.rank > 0, "--init-seed", "--lora",
              "adapters need a trained model");
  refuse_pair(t.resize_embeddings > 0 && t.lora.rank > 0, "--resize-embeddings", "--lora",
              "resize the model with `strata import` first");
  if (!t.load_weights.empty() && t.init_seed < 0)
    throw UsageError("--load-weights", "needs --init-seed",
                     "add --init-seed 0, or give the weights' folder as MODEL");
}

app::FinetuneOptions finetune_options(const FinetuneCommand& o) {
  auto out = o.train;
  if (const auto fraction = number_in(o.validation))
    out.validation_fraction = *fraction;
  else
    out.validation_file = o.validation;
  out.lora.targets = names_of(out.lora.targets);
  out.lora.target_parameters = names_of(out.lora.target_parameters);
  out.trace = o.trace;
  out.machine = o.machine;
  return out;
}

}  // namespace strata::host
