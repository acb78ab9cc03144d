#include <catch2/catch.hpp>

#include "host/deepspeed/apply.hpp"
#include "tests/folder.hpp"
#include "tests/host/finetune_call.hpp"

using strata::test::refusal;
using strata::test::Strings;

namespace {

// The options of a run with this ds_config.
strata::host::FinetuneCommand with(const std::string& text, const Strings& more = {}) {
  const strata::test::Folder folder;
  const auto file = folder.write("ds.json", text).string();
  Strings arguments{"m", "--data", "d", "--output", "o", "--ds-config", file};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return strata::test::command_of(arguments);
}

const Strings rate{"--lr", "0.25"};

strata::app::FinetuneOptions trained(const std::string& text, Strings more = {}) {
  more.insert(more.end(), rate.begin(), rate.end());
  return with(text, more).train;
}

// The error's line behind the name of the file.
std::string refused(const std::string& text, Strings more = {}) {
  const auto line = refusal([&] { trained(text, more); });
  const auto name = line.find("ds.json: ");
  return name == line.npos ? line : line.substr(name + 9);
}

std::string optimizer(const std::string& type, const std::string& params = "") {
  return R"({"optimizer": {"type": ")" + type + R"(", "params": {)" + params + "}}}";
}
std::string scheduler(const std::string& type, const std::string& params = "") {
  return R"({"scheduler": {"type": ")" + type + R"(", "params": {)" + params + "}}}";
}

}  // namespace

TEST_CASE("fp16 and bf16 train in the dtypes of the published table", "[host][deepspeed]") {
  struct Row {
    const char *bf16, *fp16;
    std::string file, merged, first;
  };
  const std::string bf = "bfloat16", half = "float16", full = "float32", no = "refused";
  const auto row = GENERATE_COPY(
      Row{"\"auto\"", "\"auto\"", bf, bf, bf}, Row{"true", "\"auto\"", bf, bf, bf},
      Row{"false", "\"auto\"", full, full, half}, Row{"\"auto\"", "true", half, no, half},
      Row{"\"auto\"", "false", full, full, bf}, Row{"true", "true", no, no, bf},
      Row{"true", "false", bf, bf, bf}, Row{"false", "true", half, no, half},
      Row{"false", "false", full, full, bf}, Row{nullptr, nullptr, bf, bf, bf},
      Row{"\"TRUE\"", nullptr, bf, bf, bf}, Row{nullptr, "\"false\"", full, full, bf});
  for (const auto* key : {"bf16", "bfloat16"}) {
    std::string text = "{";
    if (row.bf16) text += std::string("\"") + key + "\": {\"enabled\": " + row.bf16 + "}";
    if (row.bf16 && row.fp16) text += ", ";
    if (row.fp16) text += std::string("\"fp16\": {\"enabled\": ") + row.fp16 + "}";
    text += "}";
    CAPTURE(text);
    const auto dtype = [&](const Strings& rule) -> std::string {
      auto more = rate;
      more.insert(more.end(), rule.begin(), rule.end());
      std::string out;
      const auto line = refusal([&] {
        const auto command = with(text, more);
        out = command.dtype;
        CHECK(command.train.storage_dtype == "float32");  // DeepSpeed's master weights
        CHECK(command.train.reduce_dtype == out);
      });
      return line == "accepted" ? out : "refused";
    };
    CHECK(dtype({}) == row.file);
    CHECK(dtype({"--precision-rule", "llamafactory"}) == row.merged);
    CHECK(dtype({"--ds-precision", "first"}) == row.first);
  }
}

TEST_CASE("a given dtype leaves the file's flags unread and the other dtypes as they are",
          "[host][deepspeed]") {
  const auto both = R"({"bf16": {"enabled": true}, "fp16": {"enabled": true}})";
  const auto command = with(both, {"--lr", "1", "--dtype", "bfloat16"});
  CHECK(command.dtype == "bfloat16");
  CHECK(command.train.storage_dtype == "float32");
  CHECK(command.train.reduce_dtype == "float32");
  CHECK(trained(R"({"bf16": {"enabled": true}})", {"--storage-dtype", "bfloat16"}).storage_dtype ==
        "bfloat16");
  CHECK(trained(R"({"communication_data_type": "fp32"})").reduce_dtype == "float32");
  CHECK(trained(R"({"data_types": {"grad_accum_dtype": "torch.float32"}})").reduce_dtype ==
        "float32");
  CHECK(trained(R"({"fp16": {"enabled": true}, "data_types": {"grad_accum_dtype": "bf16"}})")
            .reduce_dtype == "bfloat16");
}

TEST_CASE("the numbers of the loss scaler are read, and refused as DeepSpeed refuses them",
          "[host][deepspeed]") {
  const auto s = trained(R"({"fp16": {"enabled": true, "initial_scale_power": 12,
    "loss_scale_window": 100, "hysteresis": 3, "consecutive_hysteresis": true,
    "min_loss_scale": 4}})")
                     .loss_scaling;
  CHECK(s.scale == 0);
  CHECK(s.initial_power == 12);
  CHECK(s.window == 100);
  CHECK(s.hysteresis == 3);
  CHECK(s.consecutive_hysteresis);
  CHECK(s.min_scale == 4);
  const auto d = trained(R"({"fp16": {"enabled": true}})").loss_scaling;
  CHECK(std::vector<std::int64_t>{d.initial_power, d.window, d.hysteresis, d.min_scale} ==
        std::vector<std::int64_t>{16, 1000, 2, 1});
  CHECK(trained(R"({"fp16": {"loss_scale": 128, "loss_scale_window": 0}})").loss_scaling.scale ==
        128);
  CHECK(refused(R"({"fp16": {"enabled": true, "loss_scale_window": 0}})") ==
        "fp16.loss_scale_window: 0 is out of range: give at least 1");
  CHECK(refused(R"({"fp16": {"loss_scale": -1}})") ==
        "fp16.loss_scale: -1 is out of range: fix it");
}

TEST_CASE("type Adam means AdamW unless adam_w_mode is false", "[host][deepspeed]") {
  CHECK(trained(optimizer("Adam")).optimizer == "adamw");
  CHECK(trained(optimizer("AdamW")).optimizer == "adamw");
  CHECK(trained(optimizer("adamw", R"("adam_w_mode": false)")).optimizer == "adamw");
  CHECK(trained(optimizer("ADAM", R"("adam_w_mode": false)")).optimizer == "adam");
  CHECK(trained(optimizer("Adam"), {"--optimizer", "adam"}).optimizer == "adam");
}

TEST_CASE("a block's absent parameters are its class's defaults, \"auto\" ones the program's",
          "[host][deepspeed]") {
  const auto plain = with(optimizer("Adam")).train;
  CHECK(plain.lr == 1e-3);
  CHECK(plain.weight_decay == 0);
  CHECK(plain.betas == std::array{0.9, 0.999});
  CHECK(plain.eps == 1e-8);
  CHECK(with(optimizer("Adam", R"("torch_adam": true)")).train.weight_decay == 0.01);
  CHECK(with(optimizer("Adam", R"("torch_adam": true, "adam_w_mode": false)")).train.weight_decay ==
        0);
  const auto all = with(optimizer("AdamW", R"("lr": 2e-5, "betas": [0.8, 0.9], "eps": 1e-7,
    "weight_decay": 3e-7)"))
                       .train;
  CHECK(all.lr == 2e-5);
  CHECK(all.betas == std::array{0.8, 0.9});
  CHECK(all.eps == 1e-7);
  CHECK(all.weight_decay == 3e-7);
  const auto open = R"("lr": "auto", "betas": "auto", "eps": "auto", "weight_decay": "auto")";
  CHECK(refused("{}") == "accepted");
  CHECK_THAT(refusal([&] { with(optimizer("AdamW", open)); }), Catch::StartsWith("--lr: missing"));
  const auto own = trained(optimizer("AdamW", open));
  CHECK(own.lr == 0.25);
  CHECK(own.weight_decay == 0.01);
  CHECK(trained(optimizer("AdamW", R"("lr": 1)")).lr == 0.25);
}

TEST_CASE("an optimizer that is not there is refused by its name", "[host][deepspeed]") {
  for (const auto* type : {"Lamb", "OneBitAdam", "Lion", "Adagrad", "Muon", "SGD", "torch_adam"})
    CHECK(refused(optimizer(type)) ==
          "optimizer.type: '" + std::string(type) +
              "' is not supported: give Adam or AdamW, or leave the block out and give "
              "--optimizer");
  CHECK(refused(optimizer("Adam", R"("max_grad_norm": 1)")) ==
        "optimizer.params.max_grad_norm: clips nothing in DeepSpeed: give gradient_clipping");
  CHECK(refused(optimizer("Adam", R"("weigth_decay": 1)")) ==
        "optimizer.params.weigth_decay: 'Adam' has no such parameter: did you mean "
        "'weight_decay'?");
  CHECK(refused(optimizer("Adam", R"("lr": "fast")")) ==
        "optimizer.params.lr: \"fast\" is no number: fix it");
  CHECK(refused(optimizer("Adam", R"("betas": [0.9, 1])")) ==
        "optimizer.params.betas: two numbers from 0 to below 1 are expected: write [0.9, 0.999]");
  CHECK_THAT(refused(optimizer("Adam", R"("amsgrad": true)")),
             Catch::StartsWith("optimizer.params.amsgrad"));
  CHECK_THAT(refused(optimizer("Adam", R"("bias_correction": false)")),
             Catch::StartsWith("optimizer.params.bias_correction"));
  CHECK_THAT(refused(R"({"optimizer": {"type": "Adam", "params": []}})"),
             Catch::StartsWith("optimizer.params: [] is no object"));
}

TEST_CASE("DeepSpeed's schedules are read with their own defaults", "[host][deepspeed]") {
  const auto warmup = trained(scheduler("WarmupLR"));
  CHECK(warmup.schedule == "WarmupLR");
  CHECK(warmup.warmup_schedule.type == "log");
  CHECK(warmup.warmup_schedule.num_steps == 1000);
  CHECK(warmup.warmup_schedule.min_lr == 0);
  CHECK(warmup.warmup_schedule.max_lr == -1);
  const auto decay = trained(scheduler("WarmupDecayLR", R"("total_num_steps": 7,
    "warmup_type": "linear", "warmup_num_steps": 3, "warmup_min_lr": 1e-6)"))
                         .warmup_schedule;
  CHECK(decay.type == "linear");
  CHECK(decay.num_steps == 3);
  CHECK(decay.total_steps == 7);
  CHECK(decay.min_lr == 1e-6);
  CHECK(decay.max_lr == 1e-3);
  const auto cosine = trained(scheduler("WarmupCosineLR", R"("total_num_steps": "auto",
    "warmup_min_ratio": 0.1, "cos_min_ratio": 0.2)"))
                          .warmup_schedule;
  CHECK(cosine.total_steps == 0);
  CHECK(cosine.min_ratio == 0.1);
  CHECK(cosine.cos_min_ratio == 0.2);
  const auto open = trained(scheduler("WarmupDecayLR", R"("total_num_steps": "auto",
    "warmup_num_steps": "auto", "warmup_max_lr": "auto", "warmup_min_lr": "auto")"))
                        .warmup_schedule;
  CHECK(open.num_steps == 0);
  CHECK(open.max_lr == -1);
  CHECK(trained("{}").schedule == "linear");
  CHECK(trained(scheduler("WarmupLR"), {"--schedule", "constant"}).schedule == "constant");
}

TEST_CASE("a schedule that is not there is refused by its name", "[host][deepspeed]") {
  for (const auto* type : {"OneCycle", "LRRangeTest", "CosineAnnealingLR", "warmuplr"})
    CHECK(refused(scheduler(type)) ==
          "scheduler.type: '" + std::string(type) +
              "' is not supported: give WarmupLR, WarmupDecayLR or WarmupCosineLR, or leave the "
              "block out and give --schedule");
  CHECK(refused(scheduler("WarmupDecayLR")) ==
        "scheduler.params.total_num_steps: is missing: give it, or \"auto\" for the steps of the "
        "run");
  CHECK(refused(scheduler("WarmupLR", R"("total_num_steps": 3)")) ==
        "scheduler.params.total_num_steps: 'WarmupLR' has no such parameter: leave it out");
  CHECK_THAT(refused(scheduler("WarmupLR", R"("warmup_num_steps": 0)")),
             Catch::StartsWith("scheduler.params.warmup_num_steps: 0 is out of range"));
  CHECK_THAT(refused(scheduler("WarmupLR", R"("warmup_type": "exp")")),
             Catch::StartsWith("scheduler.params.warmup_type"));
}

TEST_CASE("clipping: DeepSpeed's default is none, \"auto\" is the program's", "[host][deepspeed]") {
  CHECK(trained("{}").clip == 0);
  CHECK(trained(R"({"gradient_clipping": 0.5})").clip == 0.5);
  CHECK(trained(R"({"gradient_clipping": "auto"})").clip == 1);
  CHECK(trained("{}", {"--clip", "2"}).clip == 2);
}

TEST_CASE("batch sizes of the file and of the user make one step, or are refused",
          "[host][deepspeed]") {
  using Sizes = std::vector<std::int64_t>;
  const auto sizes = [](const std::string& text, const Strings& more = {}) {
    const auto o = trained(text, more);
    return Sizes{o.batch_size, o.gradient_accumulation_steps};
  };
  CHECK(sizes("{}") == Sizes{1, 1});
  CHECK(sizes(R"({"train_batch_size": "auto", "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto"})") == Sizes{1, 1});
  CHECK(sizes(R"({"train_batch_size": 8, "gradient_accumulation_steps": 2})") == Sizes{4, 2});
  CHECK(sizes(R"({"train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 2})") ==
        Sizes{4, 2});
  CHECK(sizes("{}", {"--batch-size", "3"}) == Sizes{3, 1});
  CHECK(sizes(R"({"train_batch_size": 8})", {"--batch-size", "2"}) == Sizes{2, 4});
  CHECK(sizes(R"({"train_micro_batch_size_per_gpu": 4})", {"--batch-size", "2"}) == Sizes{2, 1});
  CHECK(refused(R"({"train_batch_size": 4, "gradient_accumulation_steps": 1})",
                {"--batch-size", "3"}) ==
        "train_batch_size 4 is not train_micro_batch_size_per_gpu 3 x gradient_accumulation_steps "
        "1 x 1 ranks: leave one of them out, or fix it");
  const auto on_two = [&](const std::string& text) { return sizes(text, {"--ranks", "2"}); };
  CHECK(on_two(R"({"train_batch_size": 8})") == Sizes{4, 1});
  CHECK(on_two(R"({"train_batch_size": 8, "train_micro_batch_size_per_gpu": 2})") == Sizes{2, 2});
  CHECK(refused(R"({"train_batch_size": 3, "train_micro_batch_size_per_gpu": 3})",
                {"--ranks", "2"}) ==
        "train_batch_size 3 is not train_micro_batch_size_per_gpu 3 x gradient_accumulation_steps "
        "0 x 2 ranks: leave one of them out, or fix it");
}

TEST_CASE("the threshold of persistence is that of units", "[host][deepspeed]") {
  const auto below = [](const std::string& value, const Strings& more = {}) {
    auto all = rate;
    all.insert(all.end(), more.begin(), more.end());
    return with(R"({"zero_optimization": {"stage3_param_persistence_threshold": )" + value + "}}",
                all)
        .whole_below;
  };
  CHECK(with("{}", rate).whole_below == 100'000);
  CHECK(below("1e4") == 10'000);
  CHECK(below("0") == 0);
  CHECK(below("\"auto\"") == 100'000);
  CHECK(below("5", {"--set", "run.whole_below=6"}) == 6);
}

TEST_CASE("offload_optimizer becomes the tier of the states", "[host][deepspeed]") {
  const auto states = [](const std::string& members) {
    return trained(R"({"zero_optimization": {"stage": 3, "offload_optimizer": {)" + members +
                   "}}}");
  };
  CHECK(trained("{}").offload_optimizer == "auto");
  CHECK(states(R"("device": "none")").offload_optimizer == "auto");
  CHECK(states(R"("device": "cpu")").offload_optimizer == "pinned");
  CHECK(states(R"("device": "cpu", "pin_memory": false)").offload_optimizer == "cpu");
  const auto disk = states(R"("device": "nvme", "nvme_path": "/disk")");
  CHECK(disk.offload_optimizer == "nvme");
  CHECK(disk.offload_optimizer_dirs == Strings{"/disk"});
  const auto super = states(R"("device": "cpu", "ratio": 0.5, "super_offload": true)");
  CHECK(super.offload_optimizer_ratio == 0.5);
  CHECK(super.optimizer_cores == 0.8);
  const auto plain = states(R"("device": "cpu", "cpuadam_cores_perc": 0.5)");
  CHECK(plain.offload_optimizer_ratio == 1);
  CHECK(plain.optimizer_cores == 0);
  const auto weights = with(R"({"zero_optimization": {"stage": 3,
    "offload_param": {"device": "nvme", "nvme_path": "/weights"},
    "offload_optimizer": {"device": "nvme", "nvme_path": "/states"}}})",
                            rate);
  CHECK(weights.offload == "nvme");
  CHECK(weights.offload_dirs == Strings{"/weights"});
  CHECK(weights.train.offload_optimizer_dirs == Strings{"/states"});
}

TEST_CASE("leaf modules, event files and lines follow the file", "[host][deepspeed]") {
  const auto o = trained(R"({"zero_optimization": {"leaf_module": {"classes": ["A", "B"],
      "names": "model.c", "name_suffixes": ["mlp"]}},
    "tensorboard": {"enabled": true, "output_path": "logs", "job_name": "job"},
    "steps_per_print": 10, "wall_clock_breakdown": true})");
  CHECK(o.leaf_modules == Strings{"A", "B", "model.c", "mlp"});
  CHECK(o.tensorboard == "logs/job");
  CHECK(o.log_interval == 10);
  CHECK(o.wall_clock_breakdown);
  CHECK(trained(R"({"tensorboard": {"enabled": "yes"}})").tensorboard == "DeepSpeedJobName");
  CHECK(trained(R"({"tensorboard": {"enabled": false, "output_path": "x"}})").tensorboard.empty());
  CHECK(trained(R"({"bf16": {"enabled": true, "check_grad_overflow": true}})").on_nan == "skip");
}

TEST_CASE("the ds_config of DeepSpeed-Chat trains", "[host][deepspeed]") {
  const auto o = trained(R"({"train_batch_size": 32, "train_micro_batch_size_per_gpu": 4,
    "steps_per_print": 10, "zero_optimization": {"stage": 2, "overlap_comm": true,
      "offload_param": {"device": "none"}, "offload_optimizer": {"device": "none"},
      "stage3_param_persistence_threshold": 1e4, "stage3_max_live_parameters": 3e7,
      "stage3_prefetch_bucket_size": 3e7, "memory_efficient_linear": false},
    "bfloat16": {"enabled": true}, "gradient_clipping": 1.0, "prescale_gradients": false,
    "wall_clock_breakdown": false, "hybrid_engine": {"enabled": false},
    "tensorboard": {"enabled": false, "output_path": "p/ds_tensorboard_logs/",
      "job_name": "n_tensorboard"}})");
  CHECK(o.batch_size == 4);
  CHECK(o.gradient_accumulation_steps == 8);
  CHECK(o.clip == 1);
  CHECK(o.storage_dtype == "float32");
  const auto half = trained(R"({"train_batch_size": 32, "train_micro_batch_size_per_gpu": 4,
    "fp16": {"enabled": true, "loss_scale_window": 100}})");
  CHECK(half.storage_dtype == "float32");
  CHECK(half.loss_scaling.window == 100);
}

TEST_CASE("what would train otherwise than under DeepSpeed is refused", "[host][deepspeed]") {
  for (const auto& [text, key] :
       {std::pair{R"({"fp16": {"fp16_master_weights_and_grads": true}})",
                  "fp16.fp16_master_weights_and_grads"},
        {R"({"bf16": {"bf16_master_weights_and_grads": true}})",
         "bf16.bf16_master_weights_and_grads"},
        {R"({"bf16": {"bf16_optimizer_states": true}})", "bf16.bf16_optimizer_states"},
        {R"({"torch_autocast": {"enabled": true}})", "torch_autocast.enabled"},
        {R"({"zero_optimization": {"zenflow": {}}})", "zero_optimization.zenflow"},
        {R"({"data_efficiency": {"enabled": true}})", "data_efficiency"},
        {R"({"gradient_allreduce_op": "sum"})", "gradient_allreduce_op"},
        {R"({"dataloader_drop_last": true})", "dataloader_drop_last"},
        {R"({"wandb": {"enabled": true}})", "wandb"}})
    CHECK_THAT(refused(text), Catch::StartsWith(std::string(key) + ": "));
  CHECK(refused(R"({"wandb": {"enabled": false}, "data_efficiency": {"enabled": false},
    "torch_autocast": {"enabled": false}, "gradient_allreduce_op": "mean"})") == "accepted");
  // Other commands read the same file.
  const strata::test::Folder folder;
  const auto file = folder.write("ds.json", optimizer("Lamb")).string();
  CHECK(refusal([&] {
          strata::cli::parse_command_line({"plan", "--model", "m", "--ds-config", file});
        }) == "accepted");
}

TEST_CASE("the keys of activation_checkpointing are known", "[host][deepspeed]") {
  const strata::deepspeed::DsConfig config(R"({"activation_checkpointing": {
    "partition_activations": true, "cpu_checkpointing": true, "number_checkpoints": 4,
    "contiguous_memory_optimization": false, "synchronize_checkpoint_boundary": false,
    "profile": false, "partitioned": 1}})",
                                           "ds.json");
  REQUIRE(config.unknown().size() == 1);
  CHECK(config.unknown()[0].key == "activation_checkpointing.partitioned");
}
