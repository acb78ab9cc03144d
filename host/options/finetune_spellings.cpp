#include "host/options/finetune_spellings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/run/ranks.hpp"
#include "core/source/file.hpp"

namespace strata::host {
namespace {

using Strings = std::vector<std::string>;

// One of the script's options, and the option that it becomes.
struct Spelling {
  std::string_view theirs, ours;
};
constexpr std::array renamed{
    Spelling{"--model_name", "--model"},
    Spelling{"--output_dir", "--output"},
    Spelling{"--deepspeed_config", "--ds-config"},
};

// Options of the script that are options of the command too, with the same value.
constexpr std::array<std::string_view, 11> shared{
    "--batch_size",      "--leaf_module",        "--num_train_epochs", "--max_length",
    "--weight_decay",    "--log_interval",       "--warmup_steps",     "--bench_steps",
    "--save_checkpoint", "--dataset_percentage", "--log_level"};

struct Refused {
  std::string_view name, what, remedy;
};
constexpr std::array refused{
    Refused{"--use_wandb", "nothing is sent to a service",
            "give --tensorboard DIR or --log FILE.jsonl"},
    Refused{"--trust_remote_code", "no code of a model's author is run",
            "leave it out; `strata plugins new model NAME` begins a family of one's own"},
    Refused{"--from_tf", "weights of TensorFlow are not read",
            "convert them with transformers and give the folder"},
};

// Reads arguments one by one. An option's value is behind '=' or in the next argument.
class Reader {
 public:
  explicit Reader(Strings arguments) : arguments_(std::move(arguments)) {}

  // Moves to the next argument and returns whether there is one.
  bool next() {
    if (at_ == arguments_.size()) return false;
    const auto& whole = arguments_[at_++];
    const auto equals = whole.starts_with("--") ? whole.find('=') : whole.npos;
    name_ = whole.substr(0, equals);
    value_ = equals == whole.npos ? std::nullopt : std::optional(whole.substr(equals + 1));
    return true;
  }
  const std::string& name() const { return name_; }
  // The value behind '='.
  const std::optional<std::string>& value() const { return value_; }
  // Whether the next argument could be a value.
  bool more() const { return at_ < arguments_.size() && !arguments_[at_].starts_with('-'); }
  // The value, wherever it is; empty if there is none.
  std::optional<std::string> take() {
    if (value_ || !more()) return value_;
    return arguments_[at_++];
  }
  std::optional<std::string> take_one_of(std::initializer_list<std::string_view> words) {
    const auto fits = [&](std::string_view text) {
      return std::ranges::find(words, text) != words.end();
    };
    if (value_ || !more() || !fits(arguments_[at_])) return value_;
    return arguments_[at_++];
  }
  Strings rest() const {
    return {arguments_.begin() + static_cast<std::ptrdiff_t>(at_), arguments_.end()};
  }

 private:
  Strings arguments_;
  std::size_t at_ = 0;
  std::string name_;
  std::optional<std::string> value_;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string dashed(std::string name) {
  std::ranges::replace(name, '_', '-');
  return name;
}

class Respelling {
 public:
  explicit Respelling(Strings& notes) : notes_(notes) {}

  Strings of(Strings arguments) {
    Reader reader(std::move(arguments));
    while (reader.next()) {
      if (reader.name() == "--") {
        out_.push_back("--");
        const auto rest = reader.rest();
        out_.insert(out_.end(), rest.begin(), rest.end());
        break;
      }
      one(reader);
    }
    if (of_script_ && !scores_padding_)
      notes_.push_back(
          "padding is not scored, unlike by finetune_zero3.py: --score-padding scores it");
    return std::move(out_);
  }

 private:
  // Puts an option with its value in one argument, or a flag.
  void put(std::string_view name, const std::optional<std::string>& value) {
    out_.push_back(std::string(name) + (value ? "=" + *value : ""));
  }

  void one(Reader& reader) {
    const auto& name = reader.name();
    for (const auto& entry : refused)
      if (name == entry.name || name == dashed(std::string(entry.name)))
        throw UsageError(entry.name, entry.what, entry.remedy);
    if (name == "--score-padding" || name == "--score_padding") scores_padding_ = true;
    if (name == "--resume") return put(name, reader.take().value_or("latest"));
    if (name == "--precision-rule" || name == "--precision_rule") return precision(reader);
    if (name == "--deepspeed") return deepspeed(reader);
    if (of_script(reader)) {
      of_script_ = true;
      return;
    }
    if (name.starts_with("--"))
      put(dashed(name), reader.value());
    else
      out_.push_back(name);
  }

  // Puts what an option of the script becomes; returns false for another option.
  bool of_script(Reader& reader) {
    const auto name = reader.name();
    if (const auto at = std::ranges::find(renamed, name, &Spelling::theirs); at != renamed.end())
      return put(at->ours, reader.value()), true;
    if (name == "--activation_checkpointing")
      return put("--activation-checkpointing", reader.take_one_of({"on", "off"}).value_or("on")),
             true;
    if (name == "--attn_implementation") return attention(reader), true;
    if (name == "--dataset_name") return dataset(reader), true;
    if (name == "--local_rank") return local_rank(reader), true;
    if (name == "--wandb_project" || name == "--wandb_run_name" || name == "--wandb_tags") {
      // They have no effect in the script either, which sends nothing without --use_wandb.
      const bool several = name == "--wandb_tags" && !reader.value();
      reader.take();
      while (several && reader.more()) reader.take();
      return true;
    }
    if (std::ranges::find(shared, name) == shared.end()) return false;
    if (name == "--log_level")
      put("--log-level", lower(reader.take().value_or("")));
    else
      put(dashed(name), reader.value());
    return true;
  }

  void attention(Reader& reader) {
    auto value = reader.take();
    // The attention that the script names so is another program's; the fastest one here that can
    // be trained stands in for it.
    if (value == "flash_attention_2") value = "auto";
    put("--attention", value);
  }

  static std::string spelled(const std::string& value) { return "'" + printable(value) + "'"; }

  void dataset(Reader& reader) {
    const auto value = reader.take();
    if (value && !source::exists(*value))
      throw UsageError("--dataset_name", spelled(*value) + " is no file here",
                       "download the data set and give its file: --data FILE");
    put("--data", value);
  }

  void local_rank(Reader& reader) {
    const auto value = reader.take();
    if (!value || *value == "0" || *value == "-1") return;
    const auto ranks = run::ranks_of_environment();
    if (ranks.ranks == 1)
      throw UsageError("--local_rank", spelled(*value) + ": one process computes",
                       "give --ranks, or start it by a launcher that sets RANK and WORLD_SIZE");
    if (*value != std::to_string(ranks.local))
      throw UsageError(
          "--local_rank",
          spelled(*value) + ", but the launcher's variables say " + std::to_string(ranks.local),
          "leave it out");
  }

  // DeepSpeed's own flag, or the file of transformers' Trainer.
  void deepspeed(Reader& reader) {
    if (const auto file = reader.take()) put("--ds-config", file);
  }

  void precision(Reader& reader) {
    const auto value = reader.take();
    if (value != "llamafactory" && value != "deepspeed")
      throw UsageError("--precision-rule", spelled(value.value_or("")) + " is no known value",
                       "give one of deepspeed|llamafactory");
    put("--ds-precision", value == "deepspeed" ? "auto" : "merged");
  }

  Strings& notes_;
  Strings out_;
  bool of_script_ = false, scores_padding_ = false;
};

}  // namespace

Strings respell_finetune(Strings arguments, Strings& notes) {
  return Respelling(notes).of(std::move(arguments));
}

}  // namespace strata::host
