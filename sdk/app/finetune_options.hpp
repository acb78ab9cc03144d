// The settings of a training run, as `strata finetune` and other programs give them.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace strata::app {

// The schedules of a ds_config: WarmupLR, WarmupDecayLR and WarmupCosineLR. The first step has the
// rate min_lr, of WarmupCosineLR 0. Later steps have a factor g, by n, which is 0 at the second
// step, and w = max(2, num_steps). While n < w, it is log(n + 1) / log(w) of type "log" and n / w
// of type "linear". Then it is 1 for WarmupLR, max(0, total - n) / max(1, total - w) for
// WarmupDecayLR, and (1 + cos(pi * min(1, (n - w + 1) / max(1, total - w)))) / 2 for
// WarmupCosineLR. The rate is min_lr + (max_lr - min_lr) * g; for WarmupCosineLR it is
// lr * (r + (1 - r) * g), where r is min_ratio while n < w and cos_min_ratio then. A step that is
// skipped because float16 overflowed does not count.
struct WarmupSchedule {
  std::string type = "log";       // log or linear
  std::int64_t num_steps = 0;     // 0: the steps of FinetuneOptions::warmup
  std::int64_t total_steps = 0;   // 0: the steps of the run
  double min_lr = 0;              // of WarmupLR and WarmupDecayLR
  double max_lr = -1;             // of the same; below 0: FinetuneOptions::lr
  double min_ratio = 0;           // of WarmupCosineLR
  double cos_min_ratio = 0.0001;  // of WarmupCosineLR
};

// The scaling of the loss where the computation is in float16; other dtypes need none. A step whose
// gradients overflow is skipped. The first `hysteresis` - 1 of them leave the scale as it is, and
// each further one halves it; after each `window` steps without one the scale is doubled, and the
// count of overflows begins anew.
struct LossScaling {
  double scale = 0;                     // a fixed scale; 0: it follows the overflows
  std::int64_t initial_power = 16;      // the first scale is 2 to this power
  std::int64_t window = 1000;           // steps, at least 1
  std::int64_t hysteresis = 2;          // at least 1
  bool consecutive_hysteresis = false;  // any step without overflow begins the count anew
  std::int64_t min_scale = 1;  // at this scale an overflow that would halve it ends the run
};

// Low-rank adapters in float32 beside a frozen model.
struct LoraOptions {
  std::int64_t rank = 0;  // 0: no adapters, all weights are trained
  double alpha = 0;       // 0: twice the rank
  double dropout = 0;     // of an adapter's input, 0 to below 1
  bool rslora = false;    // scales by alpha / sqrt(rank) and not by alpha / rank
  // "all-linear": every linear module but the head, with routers and the weights of experts. One
  // text with a character of regular expressions must match a module's whole name; other texts are
  // names or their last parts.
  std::vector<std::string> targets{"all-linear"};
  // Names of weights, or their last parts, that are no modules: the experts of mixture layers.
  std::vector<std::string> target_parameters{};
  bool merge = false;  // the output is the whole model with the adapters merged into it
};

struct FinetuneOptions {
  // Files of JSON, JSONL, CSV, Parquet and text, in this order; at least one.
  std::vector<std::string> data{};
  double dataset_percentage = 100;  // of the rows, the first ones; above 0
  std::string validation_file{};    // rows to validate with; empty: none
  double validation_fraction = 0;   // the part of the rows that is held back; 0: none
  std::int64_t validate_every = 0;  // steps; 0: at the end of each epoch
  std::int64_t max_length = 2048;   // tokens of a row; longer ones are truncated
  // "auto": all of a text, a completion, what assistants say; "all", "completion", "assistant".
  std::string loss_on = "auto";
  bool score_padding = false;  // rows are padded to max_length, and the padding is scored
  bool packing = false;        // several sequences in a row
  bool shuffle = true;         // each epoch anew, by the seed
  // Padding tokens at the beginning of a critic's row, which do not end it.
  std::int64_t num_padding_at_beginning = 0;

  std::string output{};          // the folder of the result and its checkpoints
  std::int64_t save_every = 0;   // steps; 0: no checkpoint on the way
  std::int64_t keep = 0;         // newest checkpoints that are kept; 0: all
  bool save_checkpoint = false;  // a checkpoint behind the last step too
  // "latest": the newest checkpoint of the output; else a checkpoint's folder; empty: a new run.
  std::string resume{};

  std::int64_t batch_size = 8;                   // rows, or pairs, of one forward on one rank
  std::int64_t gradient_accumulation_steps = 1;  // forwards of one step on one rank
  double num_train_epochs = 1;                   // above 0
  std::int64_t max_steps = 0;                    // steps of the optimizer; 0: those of the epochs
  // The run ends after so many steps, with the schedule of the whole run; 0: at its end. The first
  // `warmup_steps` of them do not count in the times of the report, and have nothing to do with the
  // schedule.
  std::int64_t bench_steps = 0, warmup_steps = 0;
  std::int64_t seed = 42;      // of shuffling, dropout and new weights
  bool deterministic = false;  // no kernel whose sums depend on the order of its threads

  // adamw; adam, whose decay is a part of the gradient; adamw8bit, whose moments have 8 bits;
  // adafactor, which has neither betas nor an epsilon.
  std::string optimizer = "adamw";
  double lr = 0;  // must be given, above 0
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;   // of matrices; norms and biases have none
  double clip = 1;              // the largest norm of all gradients; 0: any
  double label_smoothing = 0;   // 0 to below 1
  std::string on_nan = "stop";  // stop or skip
  // linear, cosine, constant, WarmupLR, WarmupDecayLR or WarmupCosineLR.
  std::string schedule = "linear";
  double warmup = 0;  // below 1 a part of all steps, else steps
  WarmupSchedule warmup_schedule{};

  std::string storage_dtype = "float32";  // of the weights between steps; or bfloat16
  std::string reduce_dtype = "float32";   // of gradients
  LossScaling loss_scaling{};
  bool activation_checkpointing = true;  // units keep their inputs and run again in the backward
  // A plugin's name; auto: that of the weights; device: states lie on the device, which updates.
  std::string offload_optimizer = "auto";
  std::vector<std::string> offload_optimizer_dirs{};  // folders; empty: RunOptions::offload_dirs
  // The part of the parameters that the host updates; the device updates the others.
  double offload_optimizer_ratio = 1;
  double optimizer_cores = 0;  // the part of the threads that update weights; 0: all
  // Classes or names of modules, or the ends of names. Results do not depend on them, since units
  // are fetched whole anyway. A name that the model does not have is an error.
  std::vector<std::string> leaf_modules{};

  LoraOptions lora{};
  std::int64_t resize_embeddings = 0;  // rows become a multiple of this; 0: as they are
  std::int64_t init_seed = -1;         // weights drawn from this seed; below 0: the model's own
  std::string load_weights{};          // a file whose weights replace the drawn ones

  std::string log{};                  // file of JSON lines
  std::string tensorboard{};          // folder of event files
  std::string html{};                 // file of a report
  std::int64_t log_interval = 1;      // steps between lines
  bool wall_clock_breakdown = false;  // lines say where a step's time went
  std::string trace{};                // file of a Chrome trace
  std::string machine{};              // file of the machine's measured rates
};

}  // namespace strata::app
