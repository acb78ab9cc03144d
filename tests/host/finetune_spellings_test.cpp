#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/folder.hpp"
#include "tests/host/finetune_call.hpp"

using strata::test::command_of;
using strata::test::finetune;
using strata::test::refusal;
using strata::test::Strings;

namespace {

std::string refused(const Strings& more) {
  return refusal([&] { finetune(more); });
}

}  // namespace

TEST_CASE("the arguments of finetune_zero3.py's own scripts mean the same", "[host][finetune]") {
  const strata::test::Folder folder;
  const auto data = folder.write("rows.jsonl", "").string();
  const auto ds = folder.write("ds.json", R"({"train_batch_size": 4,
    "gradient_accumulation_steps": 1, "bf16": {"enabled": true},
    "zero_optimization": {"stage": 3, "overlap_comm": false, "reduce_bucket_size": 8e8,
      "sub_group_size": 8e8, "offload_optimizer": {"device": "cpu", "pin_memory": true,
        "ratio": 0.90, "super_offload": true, "cpuadam_cores_perc": 0.90}},
    "wall_clock_breakdown": true})");
  const auto command = command_of({"--deepspeed_config=" + ds.string(),
                                   "--model_name",
                                   "org/model",
                                   "--leaf_module",
                                   "Experts",
                                   "--num_train_epochs",
                                   "1",
                                   "--lr",
                                   "1e-5",
                                   "--batch_size",
                                   "4",
                                   "--weight_decay",
                                   "0.01",
                                   "--output_dir",
                                   "o",
                                   "--seed",
                                   "42",
                                   "--max_length",
                                   "8192",
                                   "--log_interval",
                                   "1",
                                   "--dataset_name",
                                   data,
                                   "--dataset_percentage",
                                   "10.0",
                                   "--bench_steps",
                                   "10",
                                   "--warmup_steps",
                                   "20",
                                   "--attn_implementation",
                                   "eager",
                                   "--activation_checkpointing",
                                   "--save_checkpoint",
                                   "--wandb_project",
                                   "p",
                                   "--wandb_run_name",
                                   "n",
                                   "--deterministic",
                                   "--warmup",
                                   "0.05",
                                   "--log_level",
                                   "DEBUG",
                                   "--local_rank",
                                   "0"});
  const auto& o = command.train;
  CHECK(command.model == "org/model");
  CHECK(command.attention == "eager");
  CHECK(command.dtype == "bfloat16");
  CHECK(command.log_level == "debug");
  CHECK(o.leaf_modules == Strings{"Experts"});
  CHECK(o.num_train_epochs == 1);
  CHECK(o.lr == 1e-5);
  CHECK(o.batch_size == 4);
  CHECK(o.gradient_accumulation_steps == 1);
  CHECK(o.weight_decay == 0.01);
  CHECK(o.output == "o");
  CHECK(o.max_length == 8192);
  CHECK(o.data == Strings{data});
  CHECK(o.dataset_percentage == 10);
  CHECK(o.bench_steps == 10);
  CHECK(o.warmup_steps == 20);
  CHECK(o.warmup == 0.05);
  CHECK(o.activation_checkpointing);
  CHECK(o.save_checkpoint);
  CHECK(o.deterministic);
  CHECK(o.wall_clock_breakdown);
  CHECK(o.storage_dtype == "float32");
  CHECK(o.offload_optimizer == "pinned");
  CHECK(o.offload_optimizer_ratio == 0.9);
  CHECK(o.optimizer_cores == 0.9);
  CHECK_FALSE(o.score_padding);
  REQUIRE(command.notes.size() == 1);
  CHECK(command.notes[0] ==
        "padding is not scored, unlike by finetune_zero3.py: --score-padding scores it");
}

TEST_CASE("the line about padding is for the script's spellings alone", "[host][finetune]") {
  CHECK(finetune().notes.empty());
  CHECK(finetune({"--gradient_accumulation_steps", "2", "--deepspeed"}).notes.empty());
  CHECK(finetune({"--batch_size", "2"}).notes.size() == 1);
  CHECK(finetune({"--batch_size", "2", "--score-padding"}).notes.empty());
  CHECK(finetune({"--batch_size", "2", "--score_padding"}).train.score_padding);
}

TEST_CASE("any option may be written with underscores", "[host][finetune]") {
  const auto o = finetune({"--gradient_accumulation_steps=3", "--lora_alpha", "4", "--lora", "2",
                           "--device_memory", "1GiB"});
  CHECK(o.train.gradient_accumulation_steps == 3);
  CHECK(o.train.lora.alpha == 4);
  CHECK(o.device_memory == std::uint64_t{1} << 30);
  CHECK(finetune({"--set", "train.max_steps=3"}).train.max_steps == 3);
  CHECK_THAT(refused({"--max_lenght", "3"}), Catch::Contains("did you mean '--max-length'?"));
}

TEST_CASE("flags of the script may be followed by an option, a word or the model",
          "[host][finetune]") {
  const Strings rest{"--data", "d", "--output", "o", "--lr", "1"};
  const auto with = [&](Strings arguments) {
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return command_of(arguments);
  };
  const auto plain = with({"--activation_checkpointing", "m"});
  CHECK(plain.model == "m");
  CHECK(plain.train.activation_checkpointing);
  CHECK_FALSE(with({"--activation_checkpointing", "off", "m"}).train.activation_checkpointing);
  CHECK(with({"m", "--wandb_tags", "a", "b", "--packing"}).train.packing);
  CHECK(with({"m", "--wandb_tags=a"}).model == "m");
}

TEST_CASE("attention by transformers' names", "[host][finetune]") {
  CHECK(finetune({"--attn_implementation", "flash_attention_2"}).attention == "auto");
  CHECK(finetune({"--attn_implementation=sdpa"}).attention == "sdpa");
}

TEST_CASE("the option --precision-rule chooses how fp16 and bf16 of a ds_config are read",
          "[host][finetune]") {
  CHECK(finetune({"--precision-rule", "llamafactory"}).ds_precision == "merged");
  CHECK(finetune({"--precision_rule=deepspeed"}).ds_precision == "auto");
  CHECK(refused({"--precision-rule", "x"}) ==
        "--precision-rule: 'x' is no known value: give one of deepspeed|llamafactory");
}

TEST_CASE("what is refused says what to use", "[host][finetune]") {
  CHECK(refused({"--use_wandb"}) ==
        "--use_wandb: nothing is sent to a service: give --tensorboard DIR or --log FILE.jsonl");
  CHECK(refused({"--dataset_name", "tatsu-lab/alpaca"}) ==
        "--dataset_name: 'tatsu-lab/alpaca' is no file here: download the data set and give its "
        "file: --data FILE");
  CHECK_THAT(refused({"--from_tf"}), Catch::StartsWith("--from_tf: weights of TensorFlow"));
  CHECK_THAT(refused({"--trust-remote-code"}),
             Catch::StartsWith("--trust_remote_code: no code of a model's author is run"));
  CHECK_THAT(refused({"--local_rank", "1"}), Catch::Contains("one process computes"));
}

TEST_CASE("a launcher's number of the process must be that of its variables", "[host][finetune]") {
  const std::vector<std::pair<const char*, const char*>> variables{
      {"RANK", "1"},        {"WORLD_SIZE", "2"},          {"LOCAL_RANK", "1"},
      {"MASTER_PORT", "1"}, {"MASTER_ADDR", "127.0.0.1"}, {"LOCAL_WORLD_SIZE", "2"}};
  for (const auto& [name, value] : variables) setenv(name, value, 1);
  CHECK(refused({"--local_rank", "1"}) == "accepted");
  CHECK(refused({"--local_rank=2"}) ==
        "--local_rank: '2', but the launcher's variables say 1: leave it out");
  for (const auto& [name, value] : variables) unsetenv(name);
}
