// A configuration of compressed-tensors beside the tensors that it belongs to.
#include "tests/plugins/quant/packed/ct_weights.hpp"

using namespace ct_tests;

TEST_CASE("an order that the configuration promises may not be missing",
          "[quant][compressed_tensors]") {
  const std::string order = GENERATE(R"("group")", R"("Dynamic")", "true");
  const auto weights = R"({"num_bits": 4, "actorder": )" + order + "}";
  const auto without = integers(5, 64, 4, 4, "F16", Zeros::none);
  const auto named = R"({"config_groups": {"mine": {"weights": )" + weights + "}}}";
  for (const auto& given : {options(weights), named})
    REQUIRE_THROWS_WITH(recognized<Codec>(without.tensors, given),
                        Catch::Contains("a.weight: weight_g_idx is missing") &&
                            Catch::Contains("config.json's actorder"));
  check(integers(5, 64, 4, 1, "F16", Zeros::none), options(weights));
  const auto stored = integers(5, 64, 4, 4, "F16", Zeros::none, std::vector<int32_t>(64, -1));
  REQUIRE(same(Subject<Codec>(stored.tensors, options(weights)).dense(), stored.elements));
}

TEST_CASE("columns in the order of their groups need no tensor", "[quant][compressed_tensors]") {
  const std::string order = GENERATE("null", "false", R"("weight")", R"("static")");
  check(integers(5, 64, 4, 4, "F16", Zeros::none),
        options(R"({"num_bits": 4, "actorder": )" + order + "}"));
  const auto other = integers(5, 64, 4, 4, "F16", Zeros::none);
  REQUIRE_THROWS_WITH(recognized<Codec>(other.tensors, options(R"({"actorder": "some"})")),
                      Catch::Contains("weights.actorder is no valid value"));
}

TEST_CASE("a symmetric weight has no zero but 0", "[quant][compressed_tensors]") {
  const auto* settings = GENERATE(R"({"num_bits": 4})", R"({"num_bits": 4, "symmetric": 1})");
  const auto [kind, stored] =
      GENERATE(table<Zeros, uint8_t>({{Zeros::packed, 0x88}, {Zeros::bytes, 0}}));
  auto made = integers(8, 64, 4, 4, "BF16", Zeros::none);
  auto zeros = integers(8, 64, 4, 4, "BF16", kind).tensors[2];
  std::fill(zeros.bytes.begin(), zeros.bytes.end(), static_cast<char>(stored));
  made.tensors.insert(made.tensors.begin() + 2, zeros);
  check(made, options(settings));

  made.tensors[2].bytes[5] = static_cast<char>(stored + 3);
  const Subject<Codec> wrong(made.tensors, options(settings));
  const auto* words = "has the zero 3, and config.json's symmetric is not false";
  REQUIRE_THROWS_WITH(wrong.dense(), Catch::Contains(words));
  REQUIRE_THROWS_WITH(wrong.run(), Catch::Contains(words));
  REQUIRE_NOTHROW(Subject<Codec>(made.tensors, method).dense());
  REQUIRE_THROWS_WITH(
      recognized<Codec>(made.tensors, options(R"({"num_bits": 4, "symmetric": "no"})")),
      Catch::Contains("weights.symmetric is neither true nor false: fix config.json"));
}

TEST_CASE("integers in a byte have other zeros than 0 if symmetric is false",
          "[quant][compressed_tensors]") {
  std::vector<Tensor> tensors{tensor("weight", "I8", {2, 2}, std::vector<char>{1, 2, 3, 4}),
                              tensor<float>("weight_scale", "F32", {2, 1}, {1, 1})};
  REQUIRE(same(Subject<Codec>(tensors, options(R"({"symmetric": false})")).dense(), {1, 2, 3, 4}));
  tensors.push_back(tensor<char>("weight_zero_point", "I8", {2, 1}, {0, 0}));
  REQUIRE(same(Subject<Codec>(tensors, options("{}")).dense(), {1, 2, 3, 4}));
  tensors.back().bytes[1] = -1;
  const Subject<Codec> wrong(tensors, options("{}"));
  REQUIRE_THROWS_WITH(wrong.dense(), Catch::Contains("has the zero -1"));
  REQUIRE_THROWS_WITH(wrong.run(), Catch::Contains("has the zero -1"));
  REQUIRE(same(Subject<Codec>(tensors, options(R"({"symmetric": false})")).dense(), {1, 2, 4, 5}));
}

TEST_CASE("scales of other blocks than the configuration's are refused",
          "[quant][compressed_tensors]") {
  const auto shape =
      GENERATE(values<std::vector<int64_t>>({{3, 2}, {1}, {}, {1, 1}, {10, 1}, {10, 3}}));
  int64_t count = 1;
  for (const auto side : shape) count *= side;
  const std::vector<Tensor> tensors{
      tensor("weight", "F8_E4M3", {10, 24}, std::vector<char>(240)),
      tensor("weight_scale", "F32", shape, std::vector<float>(static_cast<std::size_t>(count), 1))};
  const std::string weights = R"({"block_structure": [5, 12], "strategy": )",
                    named = R"({"quant_method": "compressed-tensors", "config_groups": {"mine":)";
  for (const auto& given :
       {options(weights + "\"block\"}"), named + R"({"weights": )" + weights + "\"Block\"}}}}"})
    REQUIRE_THROWS_WITH(recognized<Codec>(tensors, given),
                        Catch::Contains("config.json's block_structure [5, 12] divides it into "
                                        "2 x 2 blocks"));
  if (shape != std::vector<int64_t>{3, 2})
    REQUIRE(recognized<Codec>(tensors, options(weights + "\"channel\"}")));
}

TEST_CASE("bytes are scales in MX formats alone", "[quant][compressed_tensors]") {
  const auto given = [](const std::string& format, const std::string& group) {
    return R"({"quant_method": "compressed-tensors", "format": ")" + format +
           R"(", "config_groups": {"group_0": {"format": )" + group + R"(, "weights": {}}}})";
  };
  const std::vector<Tensor> tensors{tensor("weight", "F8_E4M3", {2, 64}, std::vector<char>(128)),
                                    tensor("weight_scale", "U8", {2, 2}, std::vector<char>(4))};
  REQUIRE(recognized<Codec>(tensors, given("mxfp8-quantized", "null")));
  REQUIRE(recognized<Codec>(tensors, given("mixed-precision", R"("mxfp8-quantized")")));
  REQUIRE_THROWS_WITH(recognized<Codec>(tensors, given("float-quantized", "null")),
                      Catch::Contains("weight_scale U8 [2, 2] has bytes") &&
                          Catch::Contains("config.json's format is 'float-quantized'"));
  REQUIRE_THROWS_WITH(recognized<Codec>(tensors, method), Catch::Contains("MX formats"));
}

TEST_CASE("transforms of activations are refused, and those of weights are done",
          "[quant][compressed_tensors]") {
  const auto given = [](const std::string& transforms) {
    return R"({"quant_method": "compressed-tensors", "transform_config": )" + transforms + "}";
  };
  const auto group = [&](const std::string& locations) {
    return given(R"({"config_groups": {"R4": {"type": "hadamard", "apply": [)" + locations +
                 "]}}}");
  };
  const std::string input = R"({"targets": ["re:.*down_proj$"], "location": "input"})",
                    weight = R"({"targets": "Linear", "location": "weight_input"})";
  const std::vector<Tensor> naive{tensor("weight", "I8", {2, 2}, std::vector<char>(4)),
                                  tensor<float>("weight_scale", "F32", {2, 1}, {1, 1})};
  const std::vector<Tensor> floats4{tensor("weight_packed", "U8", {2, 16}, std::vector<char>(32)),
                                    tensor("weight_scale", "U8", {2, 1}, std::vector<char>(2))};
  for (const auto& tensors : {integers(8, 64, 4, 4, "BF16", Zeros::none).tensors, naive, floats4}) {
    for (const auto& options : {group(input), group(weight + ", " + input), group("5"),
                                given(R"({"config_groups": {"R4": 5}})")})
      REQUIRE_THROWS_WITH(recognized<Codec>(tensors, options),
                          Catch::Contains("a.weight: config.json's transform_config, whose 'R4'"));
    for (const auto& options :
         {given("null"), given("{}"), given(R"({"config_groups": {}})"), group(weight), group("")})
      REQUIRE(recognized<Codec>(tensors, options));
  }
}
