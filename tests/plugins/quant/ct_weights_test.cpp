#include "tests/plugins/quant/packed/ct_weights.hpp"

using namespace ct_tests;

TEST_CASE("integers of every number of bits are unpacked and multiplied",
          "[quant][compressed_tensors]") {
  const int bits = GENERATE(range(1, 9));
  const auto zeros = GENERATE(Zeros::none, Zeros::packed, Zeros::bytes);
  check(integers(5, 64, bits, 4, "BF16", zeros));
  check(integers(67, 48, bits, 2, "F16", zeros));
  check(integers(3, 38, bits, 1, "BF16", zeros));
}

TEST_CASE("rows of odd length have a scale each", "[quant][compressed_tensors]") {
  const int bits = GENERATE(3, 4, 8);
  check(integers(4, 37, bits, 1, "F16", Zeros::packed));
}

TEST_CASE("a whole matrix may have one scale", "[quant][compressed_tensors]") {
  auto made = integers(1, 40, 4, 1, "BF16", Zeros::none);
  made.tensors[1].shape = GENERATE(std::vector<int64_t>{}, std::vector<int64_t>{1});
  check(made);
}

TEST_CASE("columns in another order take their groups' scales", "[quant][compressed_tensors]") {
  std::vector<int32_t> order;
  for (int c = 0; c < 64; ++c) order.push_back(c * 7 % 4);
  const auto made = integers(5, 64, 4, 4, "F16", Zeros::packed, order);
  const Subject<Codec> subject(made.tensors, method);
  REQUIRE(same(subject.dense(), made.elements));
  REQUIRE_FALSE(subject.run_scheme());

  const auto unordered = integers(5, 64, 4, 4, "F16", Zeros::none, std::vector<int32_t>(64, -1));
  REQUIRE(same(Subject<Codec>(unordered.tensors).dense(), unordered.elements));
  order[9] = 4;
  const Subject<Codec> wrong(integers(5, 64, 4, 5 - 1, "F16", Zeros::none).tensors);
  auto tensors = made.tensors;
  tensors.back() = tensor("weight_g_idx", "I32", {64}, order);
  REQUIRE_THROWS_WITH(Subject<Codec>(tensors).dense(), Catch::Contains("has the block 4"));
}

TEST_CASE("the bits of short rows are those of the configuration", "[quant][compressed_tensors]") {
  const auto made = integers(5, 6, 4, 1, "BF16", Zeros::none);
  REQUIRE_THROWS_WITH(recognized<Codec>(made.tensors, method), Catch::Contains("leaves open"));
  check(made, options(R"({"num_bits": 4})"));
  const auto other = R"({"config_groups": {"mine": {"weights": {"num_bits": 4, "symmetric": true,
                          "block_structure": null}}, "none": {"weights": null}}})";
  check(made, other);
}

TEST_CASE("packed tensors that do not fit are refused with both", "[quant][compressed_tensors]") {
  const auto refused = [](int which, std::vector<int64_t> shape, const std::string& words) {
    auto made = integers(8, 64, 4, 4, "BF16", Zeros::packed).tensors;
    made[static_cast<std::size_t>(which)].shape = std::move(shape);
    REQUIRE_THROWS_WITH(recognized<Codec>(made, method), Catch::Contains(words));
  };
  refused(0, {8, 9}, "weight_packed I32 [8, 9] and weight_shape I64 [2] do not fit");
  refused(0, {7, 8}, "weight_packed I32 [7, 8] and weight_shape I64 [2] do not fit");
  refused(1, {8, 5}, "weight_packed I32 [8, 8] and weight_scale BF16 [8, 5] do not fit");
  refused(1, {7, 4}, "weight_packed I32 [8, 8] and weight_scale BF16 [7, 4] do not fit");
  refused(2, {2, 4}, "weight_scale BF16 [8, 4] and weight_zero_point I32 [2, 4] do not fit");
  refused(3, {3}, "3 dimensions");

  auto made = integers(8, 64, 4, 4, "BF16", Zeros::none).tensors;
  REQUIRE_THROWS_WITH(recognized<Codec>(made, options(R"({"num_bits": 8})")),
                      Catch::Contains("weight_packed I32 [8, 8] has codes of 4 bits, and "
                                      "config.json's num_bits is 8: give the config.json"));
  REQUIRE_THROWS_WITH(recognized<Codec>(made, options(R"({"num_bits": 4, "symmetric": false})")),
                      Catch::Contains("weight_zero_point is missing"));
  made[2] = tensor<int64_t>("weight_shape", "I64", {2}, {8, int64_t{1} << 40});
  REQUIRE_THROWS_WITH(recognized<Codec>(made), Catch::Contains("1099511627776"));
  made[1].type = "I32";
  made[2] = tensor<int64_t>("weight_shape", "I64", {2}, {8, 64});
  REQUIRE_THROWS_WITH(recognized<Codec>(made), Catch::Contains("weight_scale I32"));
}

TEST_CASE("tensors of other methods are left alone", "[quant][compressed_tensors]") {
  const auto packed = integers(8, 64, 4, 4, "BF16", Zeros::none).tensors;
  REQUIRE(recognized<Codec>(packed));
  REQUIRE_FALSE(recognized<Codec>(packed, R"({"quant_method": "gptq"})"));
  const std::vector<Tensor> plain{tensor("weight", "F8_E4M3", {2, 2}, std::vector<char>(4)),
                                  tensor<float>("weight_scale", "F32", {1}, {1})};
  REQUIRE(recognized<Codec>(plain, method));
  REQUIRE_FALSE(recognized<Codec>(plain));
  REQUIRE_FALSE(recognized<Codec>(plain, R"({"quant_method": "fp8"})"));
}

TEST_CASE("integers of 8 bits in a byte are unpacked and multiplied",
          "[quant][compressed_tensors]") {
  const auto type = GENERATE(as<std::string>(), "F32", "BF16", "F16");
  const bool zeros = GENERATE(false, true);
  const int64_t out = 5, in = 48, across = GENERATE(1, 3);
  Random random(5);
  const auto codes = random.bytes<int8_t>(out * in), zero = random.bytes<int8_t>(out * across);
  auto scales = random.floats(out * across, -0.02F, 0.02F);
  Made made;
  made.tensors = {tensor("weight", "I8", {out, in}, codes),
                  floats("weight_scale", type, {out, across}, scales)};
  if (zeros) made.tensors.push_back(tensor("weight_zero_point", "I8", {out, across}, zero));
  for (int64_t i = 0; i < out * in; ++i) {
    const auto at = static_cast<std::size_t>(i / in * across + i % in / (in / across));
    const auto code = codes[static_cast<std::size_t>(i)] - (zeros ? zero[at] : 0);
    made.products.push_back(static_cast<float>(code) * scales[at]);
    made.elements.push_back(rounded(type, made.products.back()));
  }
  const Subject<Codec> subject(made.tensors, method);
  REQUIRE(same(subject.dense(), made.elements));
  const auto run = subject.run();
  REQUIRE(same(unpacked<float>(run.codec, run.parts.memory(), subject.packed.shape, f32),
               made.products));
  subject.multiplies(made.products);
}

TEST_CASE("floats of 8 bits have scales for rows, for blocks or for all",
          "[quant][compressed_tensors]") {
  struct Case {
    std::vector<int64_t> scales;
    int64_t rows, columns;
    const char* weights;
  };
  const auto [shape, rows, columns, weights] = GENERATE(
      values<Case>({{{10, 1}, 1, 24, "{}"},
                    {{1}, 10, 24, "{}"},
                    {{}, 10, 24, "{}"},
                    {{10, 3}, 1, 8, "{}"},
                    {{3, 2}, 4, 16, R"({"strategy": "block", "block_structure": [4, 16]})"},
                    {{3, 2}, 4, 16, R"({"strategy": "block", "block_structure": "4x16"})"}}));
  const int64_t out = 10, in = 24;
  Random random(3);
  auto codes = random.bytes<uint8_t>(out * in);
  for (auto& code : codes)
    if ((code & 0x7f) == 0x7f) code = 0;
  int64_t count = 1;
  for (const auto side : shape) count *= side;
  auto scales = random.floats(count, 0.001F, 0.02F);
  Made made;
  made.tensors = {tensor("weight", "F8_E4M3", {out, in}, codes),
                  floats("weight_scale", "BF16", shape, scales)};
  for (int64_t i = 0; i < out * in; ++i) {
    const auto across = (in + columns - 1) / columns;
    made.products.push_back(
        packed::e4m3_number(codes[static_cast<std::size_t>(i)]) *
        scales[static_cast<std::size_t>(i / in / rows * across + i % in / columns)]);
    made.elements.push_back(rounded("BF16", made.products.back()));
  }
  check(made, options(weights));
}

TEST_CASE("numbers of 4 bits have scales of 8 bits and one for all, or powers of 2",
          "[quant][compressed_tensors]") {
  const bool divided = GENERATE(true, false);
  const int64_t out = 6, in = 96, group = divided ? 16 : 32, across = in / group;
  constexpr float numbers[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  Random random(9);
  const auto codes = random.bytes<uint8_t>(out * in / 2);
  auto scales = random.bytes<uint8_t>(out * across);
  for (auto& scale : scales)
    scale = static_cast<uint8_t>(divided ? scale % 0x7f : 100 + scale % 40);
  const float whole = 1234.5F;
  Made made;
  made.tensors = {tensor("weight_packed", "U8", {out, in / 2}, codes),
                  tensor("weight_scale", divided ? "F8_E4M3" : "U8", {out, across}, scales)};
  if (divided) made.tensors.push_back(tensor<float>("weight_global_scale", "F32", {1}, {whole}));
  for (int64_t i = 0; i < out * in; ++i) {
    const auto code = codes[static_cast<std::size_t>(i / 2)] >> (i % 2 * 4) & 15;
    const auto scale = scales[static_cast<std::size_t>(i / in * across + i % in / group)];
    const float factor =
        divided ? packed::e4m3_number(scale) / whole : std::ldexp(1.0F, scale - 127);
    made.products.push_back((code & 8 ? -numbers[code & 7] : numbers[code & 7]) * factor);
    made.elements.push_back(rounded("BF16", made.products.back()));
  }
  check(made);
  made.tensors[1].shape = {out, across + 1};
  REQUIRE_THROWS_WITH(recognized<Codec>(made.tensors, method),
                      Catch::Contains("weight_packed U8 [6, 48] and weight_scale"));
  if (!divided) return;
  made.tensors[1].shape = {out, across};
  made.tensors.pop_back();
  REQUIRE_THROWS_WITH(recognized<Codec>(made.tensors, method),
                      Catch::Contains("weight_global_scale is missing"));
}

TEST_CASE("schemes of compressed-tensors that do not exist are refused",
          "[quant][compressed_tensors]") {
  for (const auto* scheme :
       {"ct-pack", "ct-pack 9 none 0 64 1 0 2 f32", "ct-pack 4 some 0 64 1 0 2 f32",
        "ct-pack 4 none 2 64 1 0 2 f32", "ct-pack 4 none 0 48 1 0 2 f32",
        "ct-pack 4 none 0 64 1 0 2 exponent", "ct-naive int4 none 1 0 2 f32",
        "ct-naive e4m3 bytes 1 0 2 f32", "ct-naive int8 packed 1 0 2 f32", "ct-fp4 1 16 2 f32"})
    REQUIRE_THROWS_AS(Codec(scheme, nullptr), strata::Failure);
}
