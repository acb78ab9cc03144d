#include "app/quantize/compressed_tensors.hpp"

#include <catch2/catch.hpp>
#include <tuple>

#include "core/source/dtype.hpp"

namespace strata::app {
namespace {

using Codes = CompressedScheme::Codes;
using Row = std::tuple<std::string, std::string, std::vector<std::int64_t>, std::uint64_t>;

// Name, dtype, shape and bytes of each tensor.
std::vector<Row> rows_of(const CompressedScheme& scheme, std::int64_t rows, std::int64_t columns) {
  std::vector<Row> out;
  for (const auto& tensor : compressed_tensors(scheme, "m.weight", rows, columns, source::bf16))
    out.emplace_back(tensor.name, source::form_name(tensor.stored), tensor.shape,
                     tensor.stored.bytes);
  return out;
}

}  // namespace

TEST_CASE("the tensors of a weight have compressed-tensors' names and shapes", "[app][quantize]") {
  CHECK(rows_of({Codes::int4, 32, true}, 6, 64) ==
        std::vector<Row>{{"m.weight_packed", "I32", {6, 8}, 192},
                         {"m.weight_scale", "BF16", {6, 2}, 24},
                         {"m.weight_shape", "I64", {2}, 16}});
  CHECK(rows_of({Codes::int4, 32, false}, 9, 64) ==
        std::vector<Row>{{"m.weight_packed", "I32", {9, 8}, 288},
                         {"m.weight_scale", "BF16", {9, 2}, 36},
                         {"m.weight_zero_point", "I32", {2, 2}, 16},
                         {"m.weight_shape", "I64", {2}, 16}});
  CHECK(rows_of({Codes::int8, 0, true}, 6, 50) ==
        std::vector<Row>{{"m.weight_packed", "I32", {6, 13}, 312},
                         {"m.weight_scale", "BF16", {6, 1}, 12},
                         {"m.weight_shape", "I64", {2}, 16}});
  CHECK(rows_of({Codes::fp8, 0, true}, 6, 50) ==
        std::vector<Row>{{"m.weight", "F8_E4M3", {6, 50}, 300},
                         {"m.weight_scale", "BF16", {6, 1}, 12}});
}

TEST_CASE("the configuration names one group and the modules that stay dense", "[app][quantize]") {
  const auto config = compressed_config({Codes::int4, 64, true}, {"a.gate", "lm_head"});
  CHECK(config["quant_method"] == "compressed-tensors");
  CHECK(config["quantization_status"] == "compressed");
  CHECK(config["format"] == "pack-quantized");
  CHECK(config["ignore"] == Json::array({"a.gate", "lm_head"}));
  const auto& group = config["config_groups"]["group_0"];
  CHECK(group["targets"] == Json::array({"Linear"}));
  CHECK(group["input_activations"].is_null());
  CHECK(group["weights"] == parse_json(R"({"num_bits": 4, "type": "int", "symmetric": true,
    "strategy": "group", "group_size": 64, "dynamic": false})",
                                       "test"));
}

TEST_CASE("a format says how its weights lie", "[app][quantize]") {
  const auto whole = compressed_config({Codes::int8, 0, false}, {});
  CHECK(whole["format"] == "pack-quantized");
  const auto& weights = whole["config_groups"]["group_0"]["weights"];
  CHECK(weights["strategy"] == "channel");
  CHECK(weights["group_size"].is_null());
  CHECK(weights["symmetric"] == false);
  const auto floats = compressed_config({Codes::fp8, 0, true}, {});
  CHECK(floats["format"] == "float-quantized");
  CHECK(floats["config_groups"]["group_0"]["weights"]["type"] == "float");
}

}  // namespace strata::app
