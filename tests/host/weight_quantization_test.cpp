#include "host/deepspeed/weight_quantization.hpp"

#include <catch2/catch.hpp>

using namespace strata;
using nlohmann::json;

namespace {

std::string refused(const std::string& section) {
  try {
    deepspeed::quant_settings(json::parse(section), "ds.json");
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("quantized_initialization is --quant with its options", "[host][deepspeed]") {
  const auto made = deepspeed::quant_settings(json::parse(R"({"quantized_initialization":
        {"num_bits": 4, "group_size": 64, "group_dim": 1, "symmetric": false}})"),
                                              "ds.json");
  CHECK(made == json{{"quant", "int4"}, {"quant_group_size", 64}, {"quant_symmetric", "off"}});
  CHECK(deepspeed::quant_settings(json::parse(R"({"quantized_initialization": {"num_bits": 8}})"),
                                  "ds.json") == json{{"quant", "int8"}});
}

TEST_CASE("post_init_quant is a rule for each key", "[host][deepspeed]") {
  const auto made = deepspeed::quant_settings(json::parse(R"({"post_init_quant": {
        "fc": {"num_bits": 4, "group_size": 32, "symmetric": true}, "attn": {"num_bits": 8}}})"),
                                              "ds.json");
  CHECK(made == json{{"quant_rules", {"attn=int8", "fc=int4,group_size=32,symmetric=on"}}});
}

TEST_CASE("a weight_quantization that is none here is refused by its key", "[host][deepspeed]") {
  const auto one = [](const std::string& values) {
    return R"({"quantized_initialization": )" + values + "}";
  };
  CHECK(refused("[]") == "ds.json: weight_quantization: an object is expected: write {...}");
  CHECK(refused(R"({"quantize": {}})") ==
        "ds.json: weight_quantization.quantize: there is no such key: leave it out");
  CHECK(refused(one("{}")) ==
        "ds.json: weight_quantization.quantized_initialization.num_bits: is missing: give 4 or 8");
  CHECK(
      refused(one(R"({"num_bits": 6})")) ==
      "ds.json: weight_quantization.quantized_initialization.num_bits: weights are quantized to 4 "
      "or 8 bits: give 4 or 8");
  CHECK(refused(one(R"({"num_bits": 4, "group_dim": 0})")) ==
        "ds.json: weight_quantization.quantized_initialization.group_dim: groups lie along the "
        "inputs of a row, which products read together: give 1");
  CHECK(
      refused(one(R"({"num_bits": 4, "group_size": 0})")) ==
      "ds.json: weight_quantization.quantized_initialization.group_size: a whole number from 1 to "
      "1048576 is expected: fix it");
  CHECK(refused(one(R"({"num_bits": 4, "symmetric": 1})")) ==
        "ds.json: weight_quantization.quantized_initialization.symmetric: true or false is "
        "expected: fix it");
  CHECK(refused(R"({"quantized_initialization": {"num_bits": 4}, "post_init_quant": {}})") ==
        "ds.json: weight_quantization: has both quantized_initialization and post_init_quant: give "
        "one of them");
  CHECK(refused(R"({"post_init_quant": {"a=b": {"num_bits": 4}}})") ==
        "ds.json: weight_quantization.post_init_quant.a=b: is no part of a weight's name: give a "
        "part of a name");
}
