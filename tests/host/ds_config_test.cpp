#include "host/deepspeed/ds_config.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "host/deepspeed/batch.hpp"
#include "host/deepspeed/precision.hpp"

using namespace strata::deepspeed;

namespace {

DsConfig read(const std::string& text) { return {text, "ds.json"}; }

template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const strata::UsageError& e) {
    return e.what();
  }
  return "accepted";
}
std::string refusal_of(const std::string& text) {
  return refusal([&] { read(text); });
}

std::vector<std::string> keys(const std::vector<DsConfig::Remark>& remarks) {
  std::vector<std::string> out;
  for (const auto& one : remarks) out.push_back(one.key);
  return out;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("bf16 and fp16 give the dtype of the published table", "[host][deepspeed]") {
  struct Row {
    std::optional<bool> bf16, fp16;
    std::string file, merged, first;
  };
  const std::optional<bool> open;
  const std::string bf = "bfloat16", half = "float16", full = "float32", no = "refused";
  const auto row = GENERATE_COPY(
      Row{open, open, bf, bf, bf}, Row{true, open, bf, bf, bf}, Row{false, open, full, full, half},
      Row{open, true, half, no, half}, Row{open, false, full, full, bf},
      Row{true, true, no, no, bf}, Row{true, false, bf, bf, bf}, Row{false, true, half, no, half},
      Row{false, false, full, full, bf});
  const auto dtype = [&](Semantics semantics) {
    try {
      const auto out = deepspeed_precision(row.bf16, row.fp16, semantics, "ds.json");
      CHECK(out == Precision{out.compute, out.compute, out.compute});
      return out.compute;
    } catch (const strata::UsageError& e) {
      CHECK_THAT(e.what(), Catch::Contains(semantics == Semantics::merged
                                               ? "only bf16 mixed precision is supported"
                                               : "both true, which DeepSpeed refuses"));
      return std::string("refused");
    }
  };
  CHECK(dtype(Semantics::file) == row.file);
  CHECK(dtype(Semantics::merged) == row.merged);
  CHECK(dtype(Semantics::first) == row.first);
}

TEST_CASE("what is absent has DeepSpeed's default", "[host][deepspeed]") {
  const auto config = read("{}");
  const auto zero = [&](const std::string& key) {
    return config.value("zero_optimization." + key);
  };
  CHECK(zero("stage") == 0);
  CHECK(zero("reduce_bucket_size") == 500'000'000);
  CHECK(zero("allgather_bucket_size") == 500'000'000);
  CHECK(zero("sub_group_size") == 1'000'000'000);
  CHECK(zero("stage3_prefetch_bucket_size") == 50'000'000);
  CHECK(zero("stage3_param_persistence_threshold") == 100'000);
  CHECK(zero("stage3_model_persistence_threshold") == INT64_MAX);
  CHECK(zero("stage3_max_live_parameters") == 1'000'000'000);
  CHECK(zero("stage3_max_reuse_distance") == 1'000'000'000);
  CHECK(zero("stage3_gather_16bit_weights_on_model_save") == false);
  CHECK(zero("stage3_module_granularity_threshold") == 0);
  CHECK(zero("overlap_comm").is_null());
  CHECK(zero("contiguous_gradients") == true);
  CHECK(zero("reduce_scatter") == true);
  CHECK(zero("zero_hpz_partition_size") == 1);
  CHECK(zero("memory_efficient_linear") == true);
  CHECK(zero("offload_param.device") == "none");
  CHECK(zero("offload_param.buffer_count") == 5);
  CHECK(zero("offload_param.buffer_size") == 100'000'000);
  CHECK(zero("offload_param.max_in_cpu") == 1'000'000'000);
  CHECK(zero("offload_param.pin_memory") == true);
  CHECK(zero("offload_optimizer.buffer_count") == 4);
  CHECK(zero("offload_optimizer.pin_memory") == true);
  CHECK(zero("offload_optimizer.ratio") == 1.0);
  CHECK(zero("offload_optimizer.super_offload") == false);
  CHECK(zero("offload_optimizer.cpuadam_cores_perc") == 0.8);
  CHECK(config.value("aio.block_size") == 1 << 20);
  CHECK(config.value("aio.queue_depth") == 8);
  CHECK(config.value("aio.intra_op_parallelism") == 1);
  CHECK(config.value("aio.single_submit") == false);
  CHECK(config.value("aio.overlap_events") == true);
  CHECK(config.value("aio.use_gds") == false);
}

TEST_CASE("every default is a value of its key", "[host][deepspeed]") {
  for (const auto& field : fields()) {
    CAPTURE(field.path);
    CHECK_FALSE(field.words.empty());
    if (field.fallback.empty()) continue;
    const auto value = nlohmann::json::parse(field.fallback);
    auto patch = value;
    for (auto rest = std::string(field.path); !rest.empty();) {
      const auto dot = rest.rfind('.');
      patch = nlohmann::json{{dot == rest.npos ? rest : rest.substr(dot + 1), patch}};
      rest.resize(dot == rest.npos ? 0 : dot);
    }
    CHECK(read(patch.dump()).value(field.path) == read("{}").value(field.path));
  }
}

TEST_CASE("what DeepSpeed removed is listed as such", "[host][deepspeed]") {
  const auto config = read(R"({"elasticity": {}, "zero_optimization": {"mics_shard_size": 8}})");
  CHECK(keys(config.replaced()) == Keys{"elasticity", "zero_optimization.mics_shard_size"});
  CHECK(config.unknown().empty());
}

TEST_CASE("renamed keys are read at their new place and listed", "[host][deepspeed]") {
  const auto config = read(R"({"bfloat16": {"enabled": false}, "aio": {"thread_count": 8},
    "zero_optimization": {"max_live_parameters": 3e7, "cpu_offload": true,
                          "stage3_gather_fp16_weights_on_model_save": true}})");
  CHECK(config.value("bf16.enabled") == false);
  CHECK(config.value("aio.intra_op_parallelism") == 8);
  CHECK(config.value("zero_optimization.stage3_max_live_parameters") == 30'000'000);
  CHECK(config.value("zero_optimization.stage3_gather_16bit_weights_on_model_save") == true);
  CHECK(keys(config.replaced()) ==
        Keys{"aio.thread_count", "bfloat16", "zero_optimization.cpu_offload",
             "zero_optimization.max_live_parameters",
             "zero_optimization.stage3_gather_fp16_weights_on_model_save"});
  CHECK(refusal_of(R"({"bf16": {"enabled": true}, "bfloat16": {"enabled": true}})") == "accepted");
  CHECK_THAT(refusal_of(R"({"bf16": {"enabled": true}, "bfloat16": {"enabled": false}})"),
             Catch::Contains("under its other name: give it once"));
}

TEST_CASE("unknown keys are listed with the nearest known one", "[host][deepspeed]") {
  const auto config = read(R"({"zero_optimization": {"sub_group_sise": 1}, "qqqqqq": {},
    "zero_optimisation": {"stage": 3}})");
  REQUIRE(keys(config.unknown()) ==
          Keys{"qqqqqq", "zero_optimisation", "zero_optimization.sub_group_sise"});
  CHECK(config.unknown()[0].words == "DeepSpeed has no such key");
  CHECK(config.unknown()[1].words == "did you mean 'zero_optimization'?");
  CHECK(config.unknown()[2].words == "did you mean 'zero_optimization.sub_group_size'?");
}

TEST_CASE("a value of another type, out of range or unknown is refused by key",
          "[host][deepspeed]") {
  CHECK(refusal_of(R"({"zero_optimization": {"stage": 4}})") ==
        "ds.json: zero_optimization.stage: 4 is out of range: fix it");
  CHECK(refusal_of(R"({"zero_optimization": {"stage": 1.5}})") ==
        "ds.json: zero_optimization.stage: 1.5 is no integer: fix it");
  CHECK(refusal_of(R"({"fp16": {"enabled": "maybe"}})") ==
        "ds.json: fp16.enabled: \"maybe\" is no flag: fix it");
  CHECK(refusal_of(R"({"zero_optimization": {"offload_param": {"device": "disk"}}})") ==
        "ds.json: zero_optimization.offload_param.device: \"disk\" is no known value: give one of "
        "none|cpu|nvme");
  CHECK(refusal_of(R"({"aio": 3})") == "ds.json: aio: 3 is no object: write {...}");
  CHECK(refusal_of(R"({"aio": {"queue_depth": 18446744073709551615}})") ==
        "ds.json: aio.queue_depth: 18446744073709551615 is no integer: fix it");
  CHECK_THAT(
      refusal_of(R"({"weight_quantization": {"quantized_initialization": {"num_bits": 6}}})"),
      Catch::Contains("num_bits: weights are quantized to 4 or 8 bits"));
  CHECK(refusal_of(R"({"a": 1, "a": 2})") ==
        "ds.json: line 1, column 10: the key 'a' occurs twice in one object: fix it there; a "
        "ds_config is JSON, and may have comments");
  CHECK(refusal_of("[]") == "ds.json: is no JSON object: give a ds_config");
}

TEST_CASE("any key may be \"auto\", which is its default", "[host][deepspeed]") {
  for (const auto& field : fields()) {
    CAPTURE(field.path);
    auto patch = nlohmann::json("auto");
    for (auto rest = std::string(field.path); !rest.empty();) {
      const auto dot = rest.rfind('.');
      patch = nlohmann::json{{dot == rest.npos ? rest : rest.substr(dot + 1), patch}};
      rest.resize(dot == rest.npos ? 0 : dot);
    }
    const auto value = read(patch.dump()).value(field.path);
    CHECK((value == "auto" || value == read("{}").value(field.path)));
  }
  CHECK(refusal_of(R"({"zero_optimization": "auto", "fp16": "auto", "aio": "auto"})") ==
        "accepted");
}

TEST_CASE("values are taken as DeepSpeed's sections take them", "[host][deepspeed]") {
  const auto zero = [](const std::string& key, const std::string& value) {
    return read(R"({"zero_optimization": {")" + key + "\": " + value + "}}")
        .value("zero_optimization." + key);
  };
  for (const auto* three : {"\"3\"", "\" 3 \"", "\"3.0\"", "\"+3\"", "3.0"})
    CHECK(zero("stage", three) == 3);
  CHECK(zero("sub_group_size", "\"1_000\"") == 1000);
  CHECK(zero("sub_group_size", "1e9") == 1'000'000'000);
  for (const auto* on : {"true", "\"yes\"", "\"ON\"", "1", "\"1\"", "1.0"})
    CHECK(zero("overlap_comm", on) == true);
  for (const auto* off : {"false", "\"n\"", "\"Off\"", "0"})
    CHECK(zero("overlap_comm", off) == false);
  CHECK(read(R"({"fp16": {"loss_scale": "128.5"}})").value("fp16.loss_scale") == 128.5);
  for (const auto* none : {"\"5e8\"", "\"_3\"", "\"3.5\"", "\"\"", "2.5"})
    CHECK_THAT(refusal([&] { zero("sub_group_size", none); }), Catch::Contains(" is no integer"));
  CHECK_THAT(refusal_of(R"({"train_batch_size": "8"})"), Catch::Contains(" is no integer"));
}

TEST_CASE("zero_optimization may be the flag of the first versions", "[host][deepspeed]") {
  const auto on = read(R"({"zero_optimization": true, "allgather_size": 7})");
  CHECK(on.value("zero_optimization.stage") == 1);
  CHECK(on.value("zero_optimization.allgather_bucket_size") == 7);
  CHECK(keys(on.replaced()) == Keys{"allgather_size", "zero_optimization"});
  CHECK(read(R"({"zero_optimization": false})").value("zero_optimization.stage") == 0);
}

TEST_CASE("what is not Hjson is refused by its line and column", "[host][deepspeed]") {
  const auto place = [](const std::string& text) {
    const auto line = refusal_of(text);
    const std::string begin = "ds.json: ",
                      end = ": fix it there; a ds_config is JSON, and may have comments";
    CAPTURE(line);
    REQUIRE(line.starts_with(begin));
    REQUIRE(line.ends_with(end));
    return line.substr(begin.size(), line.size() - begin.size() - end.size());
  };
  CHECK(place("{") == "line 1, column 2: a key or a closing brace is missing");
  CHECK(place("[run]\ndtype = \"auto\"\n") == "line 3, column 1: a value is missing");
  CHECK(place("{\n  \"fp16\": {\n    \"enabled\": ,\n  }\n}\n") ==
        "line 3, column 16: a value is missing");
  CHECK(place("{\"a\": 1} {") == "line 1, column 10: more follows the end");
  CHECK(place("\xff\xfe{}") == "line 1, column 1: the text is not UTF-8");
  for (const auto* nothing : {"", " \n"})
    CHECK(refusal_of(nothing) ==
          "ds.json: is empty: give DeepSpeed's configuration in JSON, at least {}");
}

TEST_CASE("batch sizes follow from each other", "[host][deepspeed]") {
  const auto batch = [](const std::string& text, std::int64_t world = 1) {
    const auto b = batch_of(read(text), world);
    return std::vector{b.train, b.micro, b.accumulation};
  };
  using B = std::vector<std::int64_t>;
  CHECK(batch("{}") == B{1, 1, 1});
  CHECK(batch("{}", 4) == B{4, 1, 1});
  CHECK(batch(R"({"train_batch_size": "auto", "gradient_accumulation_steps": "auto"})") ==
        B{1, 1, 1});
  CHECK(batch(R"({"train_batch_size": 32})", 4) == B{32, 8, 1});
  CHECK(batch(R"({"train_batch_size": 32, "train_micro_batch_size_per_gpu": 4})", 2) ==
        B{32, 4, 4});
  CHECK(batch(R"({"train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 8})") ==
        B{32, 4, 8});
  CHECK(refusal([&] { batch(R"({"train_batch_size": 9})", 2); }) ==
        "ds.json: train_batch_size 9 is not train_micro_batch_size_per_gpu 4 x "
        "gradient_accumulation_steps 1 x 2 ranks: leave one of them out, or fix it");
  CHECK_THAT(
      refusal([&] { batch(R"({"train_batch_size": 2, "train_micro_batch_size_per_gpu": 4})"); }),
      Catch::Contains("is not"));
}
