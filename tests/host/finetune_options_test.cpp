#include <catch2/catch.hpp>
#include <set>

#include "host/cli/description.hpp"
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

TEST_CASE("training options that are not given have the documented defaults", "[host][finetune]") {
  const auto o = strata::host::finetune_options(finetune());
  CHECK(o.data == Strings{"d.jsonl"});
  CHECK(o.output == "o");
  CHECK(o.lr == 1e-5);
  CHECK(o.max_length == 2048);
  CHECK(o.gradient_accumulation_steps == 1);
  CHECK(o.num_train_epochs == 1);
  CHECK(o.weight_decay == 0.01);
  CHECK(o.betas == std::array{0.9, 0.999});
  CHECK(o.eps == 1e-8);
  CHECK(o.warmup == 0);
  CHECK(o.schedule == "linear");
  CHECK(o.label_smoothing == 0);
  CHECK(o.on_nan == "stop");
  CHECK(o.clip == 1);
  CHECK(o.optimizer == "adamw");
  CHECK(o.shuffle);
  CHECK_FALSE(o.packing);
  CHECK_FALSE(o.score_padding);
  CHECK(o.seed == 42);
  CHECK(o.storage_dtype == "float32");
  CHECK(o.reduce_dtype == "float32");
  CHECK(o.activation_checkpointing);
  CHECK(o.offload_optimizer == "auto");
  CHECK(o.lora.rank == 0);
  CHECK(o.lora.targets == Strings{"all-linear"});
  CHECK(o.validation_file.empty());
  CHECK(o.resume.empty());
  CHECK(o.init_seed == -1);
}

TEST_CASE("each option of training fills its field", "[host][finetune]") {
  const auto command = finetune({"--data",
                                 "e.csv",
                                 "--max-length",
                                 "128",
                                 "--batch-size=4",
                                 "--gradient-accumulation-steps",
                                 "2",
                                 "--num-train-epochs",
                                 "0.5",
                                 "--max-steps",
                                 "7",
                                 "--weight-decay",
                                 "0",
                                 "--betas",
                                 "0.8,0.95",
                                 "--eps",
                                 "1e-6",
                                 "--warmup",
                                 "0.1",
                                 "--schedule",
                                 "cosine",
                                 "--label-smoothing",
                                 "0.1",
                                 "--on-nan",
                                 "skip",
                                 "--clip",
                                 "0",
                                 "--optimizer",
                                 "adam",
                                 "--loss-on",
                                 "all",
                                 "--packing",
                                 "--shuffle",
                                 "off",
                                 "--validation",
                                 "0.05",
                                 "--save-every",
                                 "10",
                                 "--keep",
                                 "2",
                                 "--resize-embeddings",
                                 "8",
                                 "--storage-dtype",
                                 "bfloat16",
                                 "--reduce-dtype",
                                 "float16",
                                 "--activation-checkpointing",
                                 "off",
                                 "--offload-optimizer",
                                 "device",
                                 "--leaf-module",
                                 "A",
                                 "--leaf-module",
                                 "B",
                                 "--log",
                                 "l.jsonl",
                                 "--tensorboard",
                                 "t",
                                 "--html",
                                 "h",
                                 "--seed",
                                 "0",
                                 "--deterministic",
                                 "--dtype",
                                 "float32",
                                 "--device",
                                 "cpu",
                                 "--trace",
                                 "x",
                                 "--machine",
                                 "y"});
  const auto o = strata::host::finetune_options(command);
  CHECK(o.data == Strings{"d.jsonl", "e.csv"});
  CHECK(o.max_length == 128);
  CHECK(o.batch_size == 4);
  CHECK(o.gradient_accumulation_steps == 2);
  CHECK(o.num_train_epochs == 0.5);
  CHECK(o.max_steps == 7);
  CHECK(o.weight_decay == 0);
  CHECK(o.betas == std::array{0.8, 0.95});
  CHECK(o.eps == 1e-6);
  CHECK(o.warmup == 0.1);
  CHECK(o.schedule == "cosine");
  CHECK(o.label_smoothing == 0.1);
  CHECK(o.on_nan == "skip");
  CHECK(o.clip == 0);
  CHECK(o.optimizer == "adam");
  CHECK(o.loss_on == "all");
  CHECK(o.packing);
  CHECK_FALSE(o.shuffle);
  CHECK(o.validation_fraction == 0.05);
  CHECK(o.validation_file.empty());
  CHECK(o.save_every == 10);
  CHECK(o.keep == 2);
  CHECK(o.resize_embeddings == 8);
  CHECK(o.storage_dtype == "bfloat16");
  CHECK(o.reduce_dtype == "float16");
  CHECK_FALSE(o.activation_checkpointing);
  CHECK(o.offload_optimizer == "device");
  CHECK(o.leaf_modules == Strings{"A", "B"});
  CHECK(o.log == "l.jsonl");
  CHECK(o.tensorboard == "t");
  CHECK(o.html == "h");
  CHECK(o.seed == 0);
  CHECK(o.deterministic);
  CHECK(o.trace == "x");
  CHECK(o.machine == "y");
  CHECK(command.dtype == "float32");
  CHECK(command.device == "cpu");
}

TEST_CASE("adapters: names may stand between commas, a regular expression stays whole",
          "[host][finetune]") {
  const auto lora = [](const Strings& more) {
    return strata::host::finetune_options(finetune(more)).lora;
  };
  const auto o = lora({"--lora", "16", "--lora-dropout", "0.1", "--lora-targets", "q_proj,v_proj",
                       "--lora-targets", R"(.*\.(up|down)_proj,?)", "--lora-merge",
                       "--lora-target-parameters", "experts.gate_up_proj", "--lora-rslora"});
  CHECK(o.rank == 16);
  CHECK(o.alpha == 0);
  CHECK(o.dropout == 0.1);
  CHECK(o.targets == Strings{"q_proj", "v_proj", R"(.*\.(up|down)_proj,?)"});
  CHECK(o.target_parameters == Strings{"experts.gate_up_proj"});
  CHECK(o.merge);
  CHECK(o.rslora);
  CHECK(lora({"--lora", "4", "--lora-alpha", "3"}).alpha == 3);
  CHECK(refused({"--lora-alpha", "3"}) == "--lora-alpha: needs --lora: add --lora RANK");
}

TEST_CASE("the option --resume goes on from the newest checkpoint unless it names one",
          "[host][finetune]") {
  CHECK(finetune({"--resume"}).train.resume == "latest");
  CHECK(finetune({"--resume", "--packing"}).train.resume == "latest");
  CHECK(finetune({"--resume", "o/step-4"}).train.resume == "o/step-4");
  CHECK(finetune({"--resume=o/step-4"}).train.resume == "o/step-4");
}

TEST_CASE("run.toml has the same words, and the command line wins over it", "[host][finetune]") {
  const strata::test::Folder folder;
  const auto file = folder.write("run.toml", R"(
[run]
model = "m"
output = "o"
device = "cpu"
[train]
data = ["a.jsonl", "b.jsonl"]
lr = 1
betas = [0.5, 0.75]
shuffle = "off"
activation_checkpointing = false
warmup = 0.25
schedule = "WarmupLR"
warmup_num_steps = 5
lora = 8
max_length = 64
)");
  const auto command = command_of({"--config", file.string(), "--lr", "0.5", "--set",
                                   "train.max_length=32", "--set", "train.betas=0.1,0.2"});
  const auto& o = command.train;
  CHECK(o.data == Strings{"a.jsonl", "b.jsonl"});
  CHECK(o.output == "o");
  CHECK(o.lr == 0.5);
  CHECK(o.betas == std::array{0.1, 0.2});
  CHECK_FALSE(o.shuffle);
  CHECK_FALSE(o.activation_checkpointing);
  CHECK(o.warmup == 0.25);
  CHECK(o.warmup_schedule.num_steps == 5);
  CHECK(o.lora.rank == 8);
  CHECK(o.max_length == 32);
  CHECK(command.device == "cpu");
  const auto other = folder.write("other.toml", "[train]\noutput = 'x'\nmax_lenght = 3");
  CHECK_THAT(refused({"--config", other.string()}), Catch::Contains("train.max_lenght"));
  CHECK(finetune({"--set", "train.output=x"}).train.output == "o");
}

TEST_CASE("what is missing or out of range is refused by its name", "[host][finetune]") {
  CHECK_THAT(refusal([] { command_of({}); }), Catch::StartsWith("--model: missing"));
  CHECK_THAT(refusal([] { command_of({"m"}); }), Catch::StartsWith("--data: missing"));
  CHECK_THAT(refusal([] {
               command_of({"m", "--data", "d"});
             }),
             Catch::StartsWith("--output: missing"));
  CHECK_THAT(refusal([] {
               command_of({"m", "--data", "d", "--output", "o"});
             }),
             Catch::StartsWith("--lr: missing"));
  for (const auto& [option, value, words] :
       {std::array{"--max-length", "0", "give at least 1"},
        {"--batch-size", "0", "give at least 1"},
        {"--gradient-accumulation-steps", "0", "give at least 1"},
        {"--num-train-epochs", "0", "give more than 0"},
        {"--max-steps", "0", "give at least 1"},
        {"--dataset-percentage", "0", "give more than 0"},
        {"--dataset-percentage", "100.5", "give at most 100"},
        {"--weight-decay", "-1", "give at least 0"},
        {"--label-smoothing", "1", "give less than 1"},
        {"--lora-dropout", "1", "give less than 1"},
        {"--dropout", "1", "give less than 1"},
        {"--eps", "0", "give more than 0"},
        {"--betas", "0.9,1", "give less than 1"}}) {
    CAPTURE(option, value);
    const auto line = refused({std::string(option) + "=" + value});
    CHECK_THAT(line, Catch::StartsWith(option));
    CHECK_THAT(line, Catch::EndsWith(std::string("is out of range: ") + words));
  }
  for (const auto* lr : {"0", "-1e-5"})
    CHECK_THAT(refusal([&] {
                 command_of({"m", "--data", "d", "--output", "o", "--lr", lr});
               }),
               Catch::EndsWith("is out of range: give more than 0"));
  CHECK(refused({"--betas", "0.9"}) ==
        "--betas: '0.9' is no pair of numbers: write it as 0.9,0.999");
  CHECK(refused({"--shuffle", "no"}) == "--shuffle: 'no' is no flag: give on or off");
  CHECK(refused({"--warmup", "1.5"}) ==
        "--warmup: 1.5 is no number of steps: give whole steps, or a part of all steps below 1");
  CHECK(refused({"--validation", "1.5"}) ==
        "--validation: '1.5' is no part of the data: give a number above 0 and below 1, or a file "
        "(./1.5)");
  CHECK(refused({"--eps", "1e-50"}) == "--eps: 1e-50 is 0 in float32: give more, such as 1e-8");
  CHECK(refused({"--eps", "1e-30"}) == "accepted");
  CHECK_THAT(refused({"--optimizer", "sgd"}), Catch::Contains("adamw|adam|adamw8bit|adafactor"));
  CHECK(refused({"--optimizer", "adafactor", "--betas", "0.9,0.99"}) ==
        "--betas: adafactor has none: leave it out");
  CHECK(refused({"--optimizer", "adafactor", "--eps", "1e-6"}) ==
        "--eps: adafactor has none: leave it out");
  CHECK_NOTHROW(finetune({"--optimizer", "adamw8bit", "--betas", "0.9,0.99", "--eps", "1e-6"}));
}

TEST_CASE("options that exclude each other are refused", "[host][finetune]") {
  CHECK_THAT(refused({"--packing", "--score-padding"}),
             Catch::StartsWith("--score-padding: not with --packing"));
  for (const auto& other :
       {Strings{"--packing"}, Strings{"--score-padding"}, Strings{"--loss-on", "all"},
        Strings{"--label-smoothing", "0.1"}, Strings{"--lora", "4"}}) {
    Strings both{"--critic"};
    both.insert(both.end(), other.begin(), other.end());
    CAPTURE(other);
    CHECK_THAT(refused(both), Catch::StartsWith("--critic: not with"));
  }
  CHECK(refused({"--critic", "--num-padding-at-beginning", "1"}) == "accepted");
  CHECK_THAT(refused({"--num-padding-at-beginning", "1"}),
             Catch::StartsWith("--num-padding-at-beginning: needs --critic"));
  CHECK(refused({"--validate-every", "2"}) ==
        "--validate-every: needs --validation: add --validation FILE|FRACTION");
  CHECK(refused({"--validate-every", "2", "--validation", "0.5"}) == "accepted");
  CHECK(refused({"--keep", "2"}) == "--keep: needs --save-every: add --save-every N");
  CHECK(refused({"--keep", "2", "--save-every", "3"}) == "accepted");
  CHECK(refused({"--keep", "2", "--save-checkpoint"}) == "accepted");
  CHECK_THAT(refused({"--load-weights", "w.bin"}),
             Catch::StartsWith("--load-weights: needs --init-seed"));
  CHECK_THAT(refused({"--init-seed", "1", "--lora", "4"}),
             Catch::StartsWith("--init-seed: not with --lora"));
  CHECK_THAT(refused({"--resize-embeddings", "8", "--lora", "4"}),
             Catch::StartsWith("--resize-embeddings: not with --lora"));
  CHECK(refused({"--init-seed", "1", "--load-weights", "w.bin"}) == "accepted");
  CHECK_THAT(refusal([] {
               command_of({"--model", "m.ckpt", "--data", "d", "--output", "o", "--lr", "1"});
             }),
             Catch::Contains("is a checkpoint of TensorFlow"));
}

TEST_CASE("names and keys of training's options are unique, and help shows each",
          "[host][finetune]") {
  const auto& command = strata::test::finetune_options_only;
  const auto call = command.call();
  const auto text = strata::cli::help(command);
  std::set<std::string_view> names, keys;
  for (const auto& option : call->table()) {
    CAPTURE(option.name, option.key);
    CHECK_FALSE(option.help.empty());
    if (!option.key.empty()) CHECK(keys.insert(option.key).second);
    if (option.name.empty()) continue;
    CHECK(names.insert(option.name).second);
    CHECK((text.find("--" + std::string(option.name) + " ") != std::string::npos) == !option.later);
  }
  CHECK_THAT(text, Catch::Contains("--shuffle on|off") && Catch::Contains("(default: on)") &&
                       Catch::Contains("(default: 0.9,0.999)"));
}

TEST_CASE("finetune's options agree with other commands where they share a key",
          "[host][finetune]") {
  const auto call = strata::test::finetune_options_only.call();
  int shared = 0;
  for (const auto* other : strata::cli::commands()) {
    const auto theirs = other->call();
    for (const auto& option : call->table()) {
      const auto* same = strata::cli::find_by_key(theirs->table(), option.key);
      if (!same) continue;
      CAPTURE(other->words, option.key);
      CHECK(option.name == same->name);
      CHECK(option.help == same->help);
      CHECK(option.field.index() == same->field.index());
      ++shared;
    }
  }
  CHECK(shared > 20);
}
