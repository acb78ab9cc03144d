// How weights change: the optimizer, its schedule, where its numbers lie, and which weights train.
#include "host/options/finetune_options.hpp"

namespace strata::host {
namespace {

constexpr auto dtypes = "float32|bfloat16|float16";

// The numbers of DeepSpeed's schedules and of its loss scaler.
void add_deepspeed_numbers(cli::Table& table, app::FinetuneOptions& o) {
  auto& w = o.warmup_schedule;
  table.push_back({.name = "",
                   .key = "train.warmup_type",
                   .field = &w.type,
                   .value = "log|linear",
                   .help = "shape of the warm-up of the Warmup schedules",
                   .closed = true});
  table.push_back({"", "train.warmup_num_steps", &w.num_steps, "N",
                   "steps of the warm-up of the Warmup schedules", "those of --warmup", 1, 1e12});
  table.push_back({"", "train.total_num_steps", &w.total_steps, "N",
                   "last step of WarmupDecayLR and WarmupCosineLR", "the run's", 1, 1e12});
  table.push_back({"", "train.warmup_min_lr", &w.min_lr, "R",
                   "first learning rate of WarmupLR and WarmupDecayLR", "", 0, 1e6});
  table.push_back({"", "train.warmup_max_lr", &w.max_lr, "R",
                   "largest learning rate of WarmupLR and WarmupDecayLR", "that of --lr", 0, 1e6});
  table.push_back({"", "train.warmup_min_ratio", &w.min_ratio, "R",
                   "WarmupCosineLR: its first learning rate, as a part of --lr", "", 0, 1});
  table.push_back({"", "train.cos_min_ratio", &w.cos_min_ratio, "R",
                   "WarmupCosineLR: its last learning rate, as a part of --lr", "", 0, 1});
  auto& s = o.loss_scaling;
  table.push_back({"", "train.loss_scale", &s.scale, "S",
                   "in float16: the scale of the loss; 0: it follows overflows", "", 0, 1e30});
  table.push_back({"", "train.initial_scale_power", &s.initial_power, "N",
                   "in float16: the first scale is 2 to this power", "", 0, 127});
  table.push_back({"", "train.loss_scale_window", &s.window, "N",
                   "in float16: steps without overflow after which the scale doubles", "", 1,
                   1e12});
  table.push_back({"", "train.hysteresis", &s.hysteresis, "N",
                   "in float16: the overflow that first halves the scale", "", 1, 1e9});
  table.push_back({"", "train.consecutive_hysteresis", &s.consecutive_hysteresis, "",
                   "in float16: a step without overflow begins the count of overflows anew"});
  table.push_back({"", "train.min_loss_scale", &s.min_scale, "S",
                   "in float16: the smallest scale; one more overflow ends the run", "", 1, 1e18});
}

}  // namespace

void add_update(cli::Table& table, FinetuneCommand& command) {
  auto& o = command.train;
  table.push_back({.name = "optimizer",
                   .key = "train.optimizer",
                   .field = &o.optimizer,
                   .value = "adamw|adam|adamw8bit|adafactor",
                   .help = "adam: the decay is a part of the gradient; adamw8bit: moments of 8 "
                           "bits; adafactor: second moments of rows and columns alone",
                   .closed = true});
  table.push_back(
      {"lr", "train.lr", &o.lr, "R", "the learning rate", "must be given", 0, 1e6, false, 0, true});
  table.push_back({.name = "schedule",
                   .key = "train.schedule",
                   .field = &o.schedule,
                   .value = "linear|cosine|constant|WarmupLR|WarmupDecayLR|WarmupCosineLR",
                   .help = "the learning rate behind the warm-up; the Warmup schedules are "
                           "DeepSpeed's",
                   .closed = true});
  table.push_back({"warmup", "train.warmup", &o.warmup, "W",
                   "steps of the schedule's warm-up; below 1: a part of all steps", "", 0, 1e12});
  table.push_back({"weight-decay", "train.weight_decay", &o.weight_decay, "D",
                   "weight decay of matrices; norms and biases have none", "", 0, 1e6});
  table.push_back({"betas", "train.betas", &o.betas, "B1,B2", "the optimizer's betas", "", 0, 1,
                   false, 0, false, true});
  table.push_back(
      {"eps", "train.eps", &o.eps, "E", "the optimizer's epsilon", "", 0, 1, false, 0, true});
  table.push_back({"clip", "train.clip", &o.clip, "NORM",
                   "largest norm of all gradients together; 0: no limit", "", 0, 1e30});
  table.push_back({"label-smoothing", "train.label_smoothing", &o.label_smoothing, "S",
                   "part of the target that all tokens share", "", 0, 1, false, 0, false, true});
  table.push_back({.name = "on-nan",
                   .key = "train.on_nan",
                   .field = &o.on_nan,
                   .value = "stop|skip",
                   .help = "what a loss or gradient that is no number does to its step; stop: a "
                           "checkpoint of the step before it, and status 1",
                   .closed = true});
  add_deepspeed_numbers(table, o);
}

void add_storage(cli::Table& table, FinetuneCommand& command) {
  auto& o = command.train;
  table.push_back({.name = "storage-dtype",
                   .key = "train.storage_dtype",
                   .field = &o.storage_dtype,
                   .value = "float32|bfloat16",
                   .help = "dtype of the weights between steps; bfloat16: there are none in "
                           "float32, and updates are rounded stochastically",
                   .closed = true});
  table.push_back({.name = "reduce-dtype",
                   .key = "train.reduce_dtype",
                   .field = &o.reduce_dtype,
                   .value = dtypes,
                   .help = "dtype in which gradients are summed",
                   .closed = true});
  table.push_back({.name = "activation-checkpointing",
                   .key = "train.activation_checkpointing",
                   .field = &o.activation_checkpointing,
                   .value = cli::on_off,
                   .help = "keep the inputs of units alone and run them again in the backward",
                   .closed = true});
  table.push_back({"offload-optimizer", "train.offload_optimizer", &o.offload_optimizer,
                   "device|NAME|auto",
                   "offload plugin that holds the optimizer's states; auto: "
                   "that of the weights; device: the device holds and updates them"});
  table.push_back({"", "train.offload_optimizer_dir", &o.offload_optimizer_dirs, "DIR",
                   "folders for states on disk", "those of --offload-dir"});
  table.push_back({"", "train.offload_optimizer_ratio", &o.offload_optimizer_ratio, "R",
                   "part of the parameters that the host updates; the others are updated on the "
                   "device",
                   "", 0, 1});
  table.push_back({"", "train.optimizer_cores", &o.optimizer_cores, "R",
                   "part of the CPU threads that update weights", "all", 0, 1});
  table.push_back({"leaf-module", "train.leaf_module", &o.leaf_modules, "NAME",
                   "class or name of modules that are fetched whole; may be repeated"});
}

void add_weights(cli::Table& table, FinetuneCommand& command) {
  auto& o = command.train;
  auto& l = o.lora;
  table.push_back({"lora", "train.lora", &l.rank, "RANK",
                   "train adapters of this rank beside the "
                   "frozen model",
                   "no adapters", 1, 65536});
  table.push_back({"lora-alpha", "train.lora_alpha", &l.alpha, "A", "the adapters' alpha",
                   "2 x RANK", 0, 1e9, false, 0, true});
  table.push_back({"lora-dropout", "train.lora_dropout", &l.dropout, "P",
                   "dropout of the adapters' input", "", 0, 1, false, 0, false, true});
  table.push_back({"lora-targets", "train.lora_targets", &l.targets, "NAMES",
                   "modules with an adapter: names with commas between them, or a regular "
                   "expression of whole names; may be repeated",
                   "all-linear"});
  table.push_back({"lora-target-parameters", "train.lora_target_parameters", &l.target_parameters,
                   "NAMES",
                   "weights with an adapter that are no modules: those of experts; may be "
                   "repeated"});
  table.push_back(
      {"lora-rslora", "train.lora_rslora", &l.rslora, "", "scale adapters by alpha / sqrt(RANK)"});
  table.push_back({"lora-merge", "train.lora_merge", &l.merge, "",
                   "write the whole model with the adapters merged into it"});
  table.push_back({"resize-embeddings", "train.resize_embeddings", &o.resize_embeddings, "N",
                   "resize the embedding and the head to the tokenizer's number of tokens, rounded "
                   "up to a multiple of N",
                   "no change", 1, 1 << 20});
  table.push_back(
      {"init-seed", "train.init_seed", &o.init_seed, "N",
       "draw new weights from this seed; MODEL may then be a folder without weights, or "
       "a config.json beside its tokenizer",
       "the model's weights", 0, 9e18});
  table.push_back({"load-weights", "train.load_weights", &o.load_weights, "FILE",
                   "with --init-seed: a file of weights that replace the drawn ones"});
}

}  // namespace strata::host
