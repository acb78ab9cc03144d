#include "core/source/quantization.hpp"

#include <catch2/catch.hpp>

#include "core/source/import.hpp"
#include "core/source/source_map.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

// The header of a file with that tensor alone, of two bytes.
std::string beside(const std::string& name) {
  return R"({")" + name + R"(":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})";
}

}  // namespace

TEST_CASE("a quantization that is not read is refused by its name", "[source][map]") {
  struct Row {
    std::string config, header, name;  // of two bytes of data
  };
  const std::string codes = R"({"a.weight":{"dtype":"U8","shape":[1,2],"data_offsets":[0,2]}})";
  const auto row = GENERATE_COPY(values<Row>({
      {R"({"quantization_config":{"quant_method":"gptq","bits":4}})", beside("a.qweight"),
       "GPTQ (4 bits)"},
      {R"({"quantization_config":{"quant_method":"awq","w_bit":4}})", beside("a.qweight"),
       "AWQ (4 bits)"},
      {R"({"quantization_config":{"load_in_4bit":true}})", codes, "bitsandbytes (4 bits)"},
      {R"({"quantization_config":{"quant_method":"compressed-tensors","format":"pack-quantized"}})",
       beside("a.weight_packed"), "compressed-tensors (pack-quantized)"},
      {R"({"quantization":{"group_size":64,"bits":4}})", codes, "MLX (4 bits)"},
      {R"({"quantization_config":{"quant_method":"modelopt","quant_algo":"NVFP4"}})", codes,
       "modelopt (NVFP4)"},
      {R"({"quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}})",
       R"({"a.weight":{"dtype":"F8_E4M3","shape":[1,2],"data_offsets":[0,2]}})",
       "FP8 (blocks of [128,128])"},
      {R"({"text_config":{"quantization_config":{"quant_method":"hqq"}}})", beside("a.W_q"), "HQQ"},
      {"{}", beside("a.qweight"), "GPTQ or AWQ"},
      {"{}", beside("a.weight_scale_inv"), "FP8 with scales of blocks"},
  }));
  const made::Folder folder;
  folder.write("config.json", row.config);
  const auto path = folder.write("x.safetensors", made::safetensors(row.header, 2));
  const auto checkpoint = source::Checkpoint::open(path);
  const std::vector<source::Wanted> wanted{{"a.weight", {1, 2}}};
  REQUIRE(made::refusal(folder, [&] { source::resolve(checkpoint, wanted); }) ==
          "DIR/x.safetensors: its weights are quantized as " + row.name +
              ", which is not supported: give the model unquantized, or as GGUF");
  REQUIRE_THAT(
      made::refusal(folder, [&] { source::import_checkpoint(checkpoint, folder.path("o"), {}); }),
      Catch::Contains("quantized as " + row.name));
}

TEST_CASE("a configuration that names another method than the tensors is at fault",
          "[source][map]") {
  struct Row {
    std::string method, header, line;
  };
  const auto row = GENERATE_COPY(values<Row>({
      {"gptq", beside("a.weight_packed"),
       "GPTQ, and the weights' tensors are those of compressed-tensors"},
      {"fp8", beside("a.SCB"), "FP8, and the weights' tensors are those of bitsandbytes"},
      {"compressed-tensors", beside("a.qweight"),
       "compressed-tensors, and the weights' tensors are those of GPTQ or AWQ"},
  }));
  const made::Folder folder;
  folder.write("config.json", R"({"quantization_config":{"quant_method":")" + row.method + "\"}}");
  const auto checkpoint =
      source::Checkpoint::open(folder.write("x.safetensors", made::safetensors(row.header, 2)));
  const std::vector<source::Wanted> wanted{{"a.weight", {1, 2}}};
  REQUIRE(made::refusal(folder, [&] { source::resolve(checkpoint, wanted); }) ==
          "DIR/config.json: it names the quantization " + row.line +
              ": give the config.json that belongs to these weights");
}

TEST_CASE("plain weights fit, whatever the configuration names", "[source][map]") {
  const made::Folder folder;
  folder.write("config.json", R"({"quantization_config":{"quant_method":"gptq","bits":4}})");
  const auto checkpoint = source::Checkpoint::open(folder.write(
      "x.safetensors", made::safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                         R"("b.weight_scale":{"dtype":"F32","shape":[1],)"
                                         R"("data_offsets":[4,8]}})",
                                         8)));
  REQUIRE(source::resolve(checkpoint, std::vector<source::Wanted>{{"a", {1}}}).unused() ==
          std::vector<std::string>{"b.weight_scale"});
  REQUIRE(source::configured_quantization(checkpoint) == "GPTQ (4 bits)");
}
