// The options of the data, of the steps and of the logs.
#include "host/options/finetune_options.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "host/options/output_option.hpp"

namespace strata::host {
namespace {

// app::finetune refuses these by their names.
constexpr std::array<std::string_view, 2> later{"run.adapter", "train.wall_clock_breakdown"};

}  // namespace

void add_data(cli::Table& table, FinetuneCommand& command) {
  auto& o = command.train;
  table.push_back({"data", "train.data", &o.data, "FILE",
                   "rows of JSON, JSONL, CSV, Parquet or text; may be repeated"});
  table.push_back({"dataset-percentage", "train.dataset_percentage", &o.dataset_percentage, "P",
                   "use the first P percent of the rows", "", 0, 100, false, 0, true});
  table.push_back({"validation", "train.validation", &command.validation, "FILE|FRACTION",
                   "rows to validate with: a file, or the part of the data that is held back",
                   "none"});
  table.push_back({"validate-every", "train.validate_every", &o.validate_every, "N",
                   "steps between validations", "each epoch", 1, 1e12});
  table.push_back({"max-length", "train.max_length", &o.max_length, "N",
                   "tokens of a row; longer rows are truncated", "", 1, 1e9});
  table.push_back({.name = "loss-on",
                   .key = "train.loss_on",
                   .field = &o.loss_on,
                   .value = "auto|all|completion|assistant",
                   .help = "tokens that are scored; auto: all of a text, else the completion, or "
                           "what assistants say",
                   .closed = true});
  table.push_back({"score-padding", "train.score_padding", &o.score_padding, "",
                   "pad rows to --max-length and score the padding"});
  table.push_back({"packing", "train.packing", &o.packing, "",
                   "put several sequences into each row of --max-length; they do not see each "
                   "other"});
  table.push_back({.name = "shuffle",
                   .key = "train.shuffle",
                   .field = &o.shuffle,
                   .value = cli::on_off,
                   .help = "draw a new order of the rows for each epoch; off: that of the files",
                   .closed = true});
}

void add_steps(cli::Table& table, FinetuneCommand& command) {
  auto& o = command.train;
  table.push_back({"batch-size", "train.batch_size", &o.batch_size, "B",
                   "rows of one forward on one rank", "", 1, 1e6});
  table.push_back({"gradient-accumulation-steps", "train.gradient_accumulation_steps",
                   &o.gradient_accumulation_steps, "N", "forwards of one step on one rank", "", 1,
                   1e6});
  table.push_back({"num-train-epochs", "train.num_train_epochs", &o.num_train_epochs, "N",
                   "passes over the data", "", 0, 1e9, false, 0, true});
  table.push_back({"max-steps", "train.max_steps", &o.max_steps, "N",
                   "number of steps, instead of epochs", "all of the epochs", 1, 1e12});
  table.push_back({"bench-steps", "train.bench_steps", &o.bench_steps, "N",
                   "end after this step, with the schedule of the whole run", "no", 1, 1e12});
  table.push_back({"warmup-steps", "train.warmup_steps", &o.warmup_steps, "N",
                   "first steps whose times do not count in the report; the schedule's warm-up is "
                   "--warmup",
                   "", 0, 1e12});
  table.push_back({"seed", "train.seed", &o.seed, "S",
                   "seed of the rows' order, of dropout and of new weights", "", 0, 9e18});
  table.push_back({"deterministic", "train.deterministic", &o.deterministic, "",
                   "use only kernels that give the same bits in every run"});
  table.push_back({"save-every", "train.save_every", &o.save_every, "N",
                   "steps between checkpoints", "none", 1, 1e12});
  table.push_back({"keep", "train.keep", &o.keep, "N",
                   "number of checkpoints that are kept, the "
                   "newest ones",
                   "all", 1, 1e9});
  table.push_back({"save-checkpoint", "train.save_checkpoint", &o.save_checkpoint, "",
                   "write a checkpoint behind the last step too, from which a run can continue"});
  table.push_back({"resume", "train.resume", &o.resume, "DIR|latest",
                   "continue a run from this checkpoint; latest, or no value: from the newest one "
                   "of --output",
                   "no"});
}

void add_logs(cli::Table& table, FinetuneCommand& command) {
  auto& o = command.train;
  table.push_back({"log", "train.log", &o.log, "FILE", "write each step as a line of JSON"});
  table.push_back({"tensorboard", "train.tensorboard", &o.tensorboard, "DIR",
                   "write event files for TensorBoard"});
  table.push_back(
      {"html", "train.html", &o.html, "FILE", "write a report: the losses, and a step's timeline"});
  table.push_back({"log-interval", "train.log_interval", &o.log_interval, "N",
                   "steps between lines", "", 1, 1e12});
  table.push_back({.name = "log-level",
                   .key = "train.log_level",
                   .field = &command.log_level,
                   .value = "debug|info|warning|error|critical",
                   .help = "what is printed; debug: as with -v; above info: no lines of steps",
                   .closed = true});
  table.push_back({"", "train.wall_clock_breakdown", &o.wall_clock_breakdown, "",
                   "say where the time of each printed step went"});
}

void add_finetune(cli::Table& table, FinetuneCommand& o) {
  add_model(table, o);
  add_data(table, o);
  add_output(table, o.train.output);
  table.push_back({"", "train.output", &o.train.output, "PATH", "as run.output"});
  add_update(table, o);
  add_steps(table, o);
  add_weights(table, o);
  add_run(table, o);
  add_storage(table, o);
  add_critic(table, o);
  add_padding_at_beginning(table, o.train.num_padding_at_beginning);
  add_dropout(table, o);
  add_ranks(table, o);
  add_logs(table, o);
  add_ds_config(table, o);
  table.push_back({.name = "precision-rule",
                   .key = "",
                   .field = &o.precision_rule,
                   .value = "deepspeed|llamafactory",
                   .help = "deepspeed: --ds-precision auto; llamafactory: --ds-precision merged",
                   .closed = true});
  add_plugin_paths(table, o);
  add_common(table, o);
  for (auto& option : table)
    option.later = option.later || std::ranges::find(later, option.key) != later.end();
}

}  // namespace strata::host
