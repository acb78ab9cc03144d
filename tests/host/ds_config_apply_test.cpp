#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.hpp"
#include "host/cli/command_line.hpp"
#include "host/cli/toml.hpp"
#include "host/commands/generate.hpp"
#include "host/deepspeed/apply.hpp"
#include "tests/folder.hpp"

using namespace strata::deepspeed;

namespace {

using strata::host::GenerateOptions;

// The options of `generate` over which the ds_config is laid.
GenerateOptions applied(const std::string& text, Semantics semantics = Semantics::merged) {
  const auto call = strata::cli::find_command("generate")->call();
  strata::cli::apply_toml(*call, settings_of(DsConfig(text, "ds.json"), semantics), "ds.json");
  return call->as<GenerateOptions>();
}

std::string offload_param(const std::string& members) {
  return R"({"zero_optimization": {"stage": 3, "offload_param": {)" + members + "}}}";
}

}  // namespace

TEST_CASE("offload_param becomes the tier and its folder", "[host][deepspeed]") {
  CHECK(applied("{}").offload == "auto");
  CHECK(applied(offload_param(R"("device": "none")")).offload == "auto");
  CHECK(applied(offload_param(R"("device": "cpu")")).offload == "pinned");
  CHECK(applied(offload_param(R"("device": "cpu", "pin_memory": false)")).offload == "cpu");
  const auto disk = applied(offload_param(R"("device": "nvme", "nvme_path": "/disk")"));
  CHECK(disk.offload == "nvme");
  CHECK(disk.offload_dirs == std::vector<std::string>{"/disk"});
}

TEST_CASE("the threshold of persistence is that of units in every command", "[host][deepspeed]") {
  const auto below = [](const std::string& value) {
    return applied(R"({"zero_optimization": {"stage3_param_persistence_threshold": )" + value +
                   "}}")
        .whole_below;
  };
  CHECK(applied("{}").whole_below == 100'000);
  CHECK(below("4096") == 4096);
  CHECK(below("0") == 0);
  CHECK(below("\"auto\"") == 100'000);
}

TEST_CASE("aio becomes the options of the tier that reads files", "[host][deepspeed]") {
  const auto s = applied(R"({"zero_optimization": {"offload_param": {"device": "nvme"}},
    "aio": {"block_size": 16777216, "queue_depth": 64, "thread_count": 8, "use_gds": false}})");
  CHECK(s.plugin_tables.at("offload.nvme") ==
        nlohmann::json{{"max_io", 16777216}, {"queue_depth", 64}, {"threads", 8}});
}

TEST_CASE("fp16 and bf16 become the dtype", "[host][deepspeed]") {
  CHECK(applied("{}").dtype == "bfloat16");
  CHECK(applied(R"({"bf16": {"enabled": "False"}})").dtype == "float32");
  CHECK(applied(R"({"fp16": {"enabled": true}})", Semantics::first).dtype == "float16");
  CHECK(applied(R"({"fp16": {"enabled": true}})", Semantics::file).dtype == "float16");
  const DsConfig config(R"({"communication_data_type": "fp32"})", "ds.json");
  CHECK(precision_of(config, Semantics::merged) == Precision{"bfloat16", "bfloat16", "float32"});
}

TEST_CASE("a ds_config is the weakest of all settings", "[host][deepspeed]") {
  const strata::test::Folder folder;
  const auto ds = folder.write("ds.json", R"({"bf16": {"enabled": true},
    "zero_optimization": {"offload_param": {"device": "nvme", "nvme_path": "/disk"}},
    "aio": {"queue_depth": 64, "block_size": 1048576}})");
  const auto toml =
      folder.write("run.toml", "[run]\ndtype = 'float16'\nds_config = '" + ds.string() +
                                   "'\n[offload.nvme]\nqueue_depth = 2");
  const auto generate = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"generate", "--model", "m", "--prompt", "a"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return strata::cli::parse_command_line(arguments).call->as<GenerateOptions>();
  };
  CHECK(generate({"--ds-config", ds.string()}).dtype == "bfloat16");
  CHECK(generate({"--config", toml.string()}).dtype == "float16");
  CHECK(generate({"--ds-config", ds.string(), "--set", "run.dtype=float32"}).dtype == "float32");
  CHECK(generate({"--ds-config", ds.string(), "--dtype", "auto"}).dtype == "auto");
  const auto s = generate({"--config", toml.string()});
  CHECK(s.offload_dirs == std::vector<std::string>{"/disk"});
  CHECK(s.plugin_tables.at("offload.nvme") ==
        nlohmann::json{{"max_io", 1048576}, {"queue_depth", 2}});
  const auto other = strata::cli::parse_command_line(
      {"tokenize", "--model", "m", "--text", "a", "--config", toml.string()});
  CHECK_FALSE(other.call->common().deepspeed);
  CHECK(other.call->common().plugin_tables.at("offload.nvme") ==
        nlohmann::json{{"queue_depth", 2}});
}

TEST_CASE("a file of get_ds_model's runs in float16, and a given dtype wins before it is refused",
          "[host][deepspeed]") {
  const strata::test::Folder folder;
  const auto file = [&](const char* name, const char* text) {
    return folder.write(name, text).string();
  };
  const auto half = file("half.json", R"({"fp16": {"enabled": true}, "bf16": {"enabled": false},
    "zero_optimization": {"stage": 3, "stage3_prefetch_bucket_size": 33554432,
      "stage3_param_persistence_threshold": 4096, "stage3_max_live_parameters": 33554432},
    "train_batch_size": 1})");
  const auto both = file("both.json", R"({"fp16": {"enabled": true}, "bf16": {"enabled": true}})");
  using Words = std::vector<std::string>;
  const std::vector<Words> commands{{"generate", "--prompt", "a"},
                                    {"logits", "--input-ids", "1", "--output", "o"},
                                    {"perplexity", "--text-file", "t"},
                                    {"plan"},
                                    {"bench", "--dummy"}};
  for (const auto& command : commands) {
    const auto dtype = [&](const std::string& ds, const Words& more) {
      auto words = command;
      words.insert(words.end(), {"--model", "m", "--ds-config", ds});
      words.insert(words.end(), more.begin(), more.end());
      const auto call = strata::cli::parse_command_line(words).call;
      return *std::get<std::string*>(strata::cli::find_by_name(call->table(), "dtype")->field);
    };
    CHECK(dtype(half, {}) == "float16");
    CHECK(dtype(half, {"--ds-precision", "first"}) == "float16");
    CHECK(dtype(half, {"--ds-precision", "merged", "--dtype", "float32"}) == "float32");
    CHECK_THROWS_WITH(dtype(half, {"--ds-precision", "merged"}), Catch::Contains("fp16.enabled"));
    CHECK_THROWS_WITH(dtype(both, {}), Catch::Contains("both true"));
    CHECK(dtype(both, {"--set", "run.dtype=auto"}) == "auto");
  }
  CHECK(report(DsConfig(R"({"fp16": {"enabled": true}})", "ds.json"), Semantics::merged, 64,
               "float32")["precision"]["compute"] == "float32");
}

TEST_CASE("the report gives \"auto\" the numbers of the training frameworks", "[host][deepspeed]") {
  const auto out = report(DsConfig(R"({"train_batch_size": "auto", "gradient_clipping": "auto",
    "zero_optimization": {"stage": 2, "reduce_bucket_size": "auto",
      "stage3_prefetch_bucket_size": "auto", "stage3_param_persistence_threshold": "auto"}})",
                                   "ds.json"),
                          Semantics::merged, 4096);
  CHECK(out["understood"]["train_batch_size"] == 1);
  CHECK(out["understood"]["gradient_clipping"] == "auto");
  CHECK(out["ignored"][0]["value"] == 16777216);
  CHECK(out["ignored"][1]["value"] == 15099494);
  CHECK(out["understood"]["zero_optimization.stage3_param_persistence_threshold"] == 40960);
  CHECK(out["stage"] == 3);
  CHECK(out["defaults"]["aio.queue_depth"] == 8);
}

TEST_CASE("what is done otherwise is said", "[host][deepspeed]") {
  const auto lines = warnings(DsConfig(R"({"zero_optimization": {"stage": 2, "cpu_offload": true,
    "memory_efficient_linear": false}, "bfloat16": {}, "wild": 1})",
                                       "ds.json"));
  CHECK(lines ==
        std::vector<std::string>{"ds.json: stage 2 runs as stage 3: weights are streamed",
                                 "ds.json: bfloat16 is an old name: use bf16",
                                 "ds.json: zero_optimization.cpu_offload is an old name: use "
                                 "offload_optimizer: {\"device\": \"cpu\"}",
                                 "ds.json: wild is unknown and ignored: DeepSpeed has no such key",
                                 "ds.json: ignored, `plan --json` says why: "
                                 "zero_optimization.memory_efficient_linear"});
  CHECK(warnings(DsConfig(R"({"zero_optimization": {"stage": 3}})", "ds.json")).empty());
}

TEST_CASE("keys of reductions and of several ranks have no effect, and each says why",
          "[host][deepspeed]") {
  using Row = std::tuple<const char*, const char*, const char*>;  // key, value, part of the reason
  const auto [key, value, reason] = GENERATE(table<const char*, const char*, const char*>(
      {Row{"zero_hpz_partition_size", "8", "without a second copy"},
       Row{"zero_quantized_weights", "true", "as they are stored"},
       Row{"zero_quantized_gradients", "true", "--reduce-dtype"},
       Row{"zero_quantized_nontrainable_weights", "true", "as they are stored"},
       Row{"reduce_bucket_size", "400000000", "are reduced whole"},
       Row{"allgather_bucket_size", "400000000", "planned ahead"},
       Row{"overlap_comm", "false", "always overlap"},
       Row{"reduce_scatter", "false", "are reduced whole"},
       Row{"contiguous_gradients", "false", "lie together"},
       Row{"sub_group_size", "400000000", "unit by unit"}}));
  const auto path = "zero_optimization." + std::string(key);
  const DsConfig config(
      R"({"zero_optimization": {"stage": 3, ")" + std::string(key) + "\": " + value + "}}",
      "ds.json");
  CHECK(warnings(config) ==
        std::vector<std::string>{"ds.json: ignored, `plan --json` says why: " + path});
  const auto out = report(config, Semantics::file, 64);
  CHECK_FALSE(out["understood"].contains(path));
  REQUIRE(out["ignored"].size() == 1);
  CHECK(out["ignored"][0]["key"] == path);
  CHECK(out["ignored"][0]["value"] == nlohmann::json::parse(value));
  CHECK_THAT(out["ignored"][0]["words"].get<std::string>(), Catch::Contains(reason));
}

TEST_CASE("no ignored key is cut out of the log", "[host][deepspeed]") {
  std::string text = R"({"zero_optimization": {"stage": 3)";
  const std::vector<std::string> keys{"allgather_bucket_size",
                                      "contiguous_gradients",
                                      "overlap_comm",
                                      "reduce_bucket_size",
                                      "stage3_max_live_parameters",
                                      "stage3_max_reuse_distance",
                                      "stage3_prefetch_bucket_size",
                                      "sub_group_size"};
  for (const auto& key : keys) text += ", \"" + key + "\": 1";
  std::string all;
  for (const auto& line : warnings(DsConfig(text + "}}", "ds.json"))) {
    CHECK(line.size() < 240);
    all += line + ", ";
  }
  for (const auto& key : keys) CHECK_THAT(all, Catch::Contains("zero_optimization." + key + ", "));
}
