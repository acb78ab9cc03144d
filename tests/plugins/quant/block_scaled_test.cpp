#include "block_scaled/block_scaled.hpp"

#include "block_scaled/pack.hpp"
#include "tests/plugins/quant/packed/subject.hpp"

using namespace packed_tests;
using Codec = packed::Codec<fp8::BlockScaled>;

namespace {

// OCP's 8-bit floating point specification: E4M3 has a bias of 7, and no infinities.
float e4m3(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  if ((code & 0x7f) == 0x7f) return NAN;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return static_cast<float>(code & 0x80 ? -magnitude : magnitude);
}

struct Made {
  std::vector<Tensor> tensors;
  std::vector<float> elements;
};

// A weight [out,in] with scales of blocks; 0: of all rows or columns.
Made made(int64_t out, int64_t in, int64_t rows, int64_t columns, std::vector<int64_t> shape,
          const std::string& type, const std::string& role = "weight_scale_inv") {
  Random random(static_cast<unsigned>(out * in + rows));
  auto codes = random.bytes<uint8_t>(out * in);
  for (auto& code : codes)
    if ((code & 0x7f) == 0x7f) code = 0x7e;  // no NaN: products would be NaN too
  int64_t count = 1;
  for (const auto side : shape) count *= side;
  auto scales = random.floats(count, 0.001F, 0.02F);
  Made out_;
  const auto weight = tensor("weight", "F8_E4M3", {out, in}, codes);
  if (type == "F8_E8M0") {
    auto exponents = random.bytes<uint8_t>(count);
    for (std::size_t i = 0; i < exponents.size(); ++i) {
      exponents[i] = static_cast<uint8_t>(110 + exponents[i] % 20);
      scales[i] = std::ldexp(1.0F, exponents[i] - 127);
    }
    out_.tensors = {weight, tensor(role, type, shape, exponents)};
  } else {
    out_.tensors = {weight, floats(role, type, shape, scales)};
  }
  for (int64_t r = 0; r < out; ++r)
    for (int64_t c = 0; c < in; ++c) {
      const auto across = columns ? (in + columns - 1) / columns : 1;
      const auto at = (rows ? r / rows : 0) * across + (columns ? c / columns : 0);
      out_.elements.push_back(e4m3(codes[static_cast<std::size_t>(r * in + c)]) *
                              scales[static_cast<std::size_t>(at)]);
    }
  return out_;
}

void check(const Made& made, const std::string& options = "") {
  const Subject<Codec> subject(made.tensors, options);
  REQUIRE(same(subject.dense(), made.elements));
  const auto halves = subject.dense<uint16_t>(bf16);
  for (std::size_t i = 0; i < halves.size(); ++i)
    REQUIRE(halves[i] == gguf::to_brain(made.elements[i]).bits);
  const auto run = subject.run();
  REQUIRE(same(unpacked<float>(run.codec, run.parts.memory(), subject.packed.shape, f32),
               made.elements));
  subject.multiplies(made.elements);
}

}  // namespace

TEST_CASE("FP8 in blocks of 128 by 128 is unpacked and multiplied, whole blocks or not",
          "[quant][fp8]") {
  const auto type = GENERATE(as<std::string>(), "F32", "BF16", "F16", "F8_E8M0");
  const auto [out, in] =
      GENERATE(table<int64_t, int64_t>({{256, 384}, {130, 200}, {1, 1}, {5, 7}}));
  check(made(out, in, 128, 128, {(out + 127) / 128, (in + 127) / 128}, type));
  check(made(out, in, 128, 128, {(out + 127) / 128, (in + 127) / 128}, type),
        R"({"quant_method": "fp8", "weight_block_size": [128, 128]})");
}

TEST_CASE("FP8 in blocks that the configuration names is unpacked", "[quant][fp8]") {
  check(made(70, 90, 32, 16, {3, 6}, "F32"), R"({"weight_block_size": [32, 16]})");
}

TEST_CASE("FP8 with one scale a row, or one in all, is unpacked", "[quant][fp8]") {
  check(made(6, 10, 1, 0, {6, 1}, "F32", "weight_scale"), R"({"quant_method": "fbgemm_fp8"})");
  check(made(6, 11, 1, 0, {6}, "BF16", "weight_scale"));
  check(made(6, 10, 0, 0, {1}, "F32", "weight_scale"), R"({"quant_method": "modelopt"})");
  check(made(6, 10, 0, 0, {}, "F32"), R"({"weight_block_size": null})");
}

TEST_CASE("NaN of FP8 stays NaN", "[quant][fp8]") {
  const Subject<Codec> subject({tensor<uint8_t>("weight", "F8_E4M3", {1, 3}, {0x7f, 0xff, 0x80}),
                                tensor<float>("weight_scale_inv", "F32", {1, 1}, {2})});
  const auto dense = subject.dense();
  REQUIRE(std::isnan(dense[0]));
  REQUIRE(std::isnan(dense[1]));
  REQUIRE(same(dense[2], -0.0F));
}

TEST_CASE("FP8 tensors of other methods are left alone", "[quant][fp8]") {
  const auto weight = made(6, 10, 1, 0, {6, 1}, "F32", "weight_scale").tensors;
  REQUIRE_FALSE(recognized<Codec>(weight, R"({"quant_method": "compressed-tensors"})"));
  REQUIRE_FALSE(recognized<Codec>({tensor("weight", "I8", {2, 2}, std::vector<char>(4)),
                                   tensor<float>("weight_scale", "F32", {2}, {1, 1})}));
}

TEST_CASE("FP8 tensors that do not fit are refused with both", "[quant][fp8]") {
  auto weight = made(256, 384, 128, 128, {2, 3}, "F32").tensors;
  REQUIRE_THROWS_WITH(recognized<Codec>(weight, R"({"weight_block_size": [64, 64]})"),
                      Catch::Contains("a.weight: weight F8_E4M3 [256, 384] has weight_scale_inv "
                                      "F32 [2, 3], and config.json's weight_block_size [64, 64] "
                                      "divides it into 4 x 6 blocks"));
  REQUIRE_THROWS_WITH(recognized<Codec>(weight, R"({"weight_block_size": [128]})"),
                      Catch::Contains("weight_block_size"));
  REQUIRE_THROWS_WITH(recognized<Codec>(weight, R"({"weight_block_size": [0, 128]})"),
                      Catch::Contains("weight_block_size"));
  REQUIRE_THROWS_WITH(recognized<Codec>(made(70, 90, 32, 16, {3, 6}, "F32").tensors),
                      Catch::Contains("config.json has no weight_block_size"));
  weight[1].type = "F64";
  REQUIRE_THROWS_WITH(recognized<Codec>(weight), Catch::Contains("weight_scale_inv F64 [2, 3]"));
  weight[1].type = "F32", weight[0].type = "F8_E5M2";
  REQUIRE_THROWS_WITH(recognized<Codec>(weight), Catch::Contains("weight F8_E5M2 [256, 384]"));
  weight[0].type = "F8_E4M3", weight[0].shape = {2, 256, 192};
  REQUIRE_THROWS_WITH(recognized<Codec>(weight), Catch::Contains("no matrix"));
}

TEST_CASE("blocks that the configuration names have a scale each", "[quant][fp8]") {
  const auto given = R"({"quant_method": "fp8", "weight_block_size": [128, 128]})";
  const auto [out, in] = GENERATE(table<int64_t, int64_t>({{128, 192}, {130, 7}, {1, 129}}));
  const auto shape = GENERATE(values<std::vector<int64_t>>({{1, 1}, {1}, {}}));
  const auto words = "config.json's weight_block_size [128, 128] divides it into " +
                     std::to_string((out + 127) / 128) + " x " + std::to_string((in + 127) / 128);
  for (const auto* role : {"weight_scale_inv", "weight_scale"})
    REQUIRE_THROWS_WITH(recognized<Codec>(made(out, in, 0, 0, shape, "F32", role).tensors, given),
                        Catch::Contains(words));
  REQUIRE_THROWS_WITH(recognized<Codec>(made(out, in, 1, 0, {out, 1}, "F32").tensors, given),
                      Catch::Contains(words));
  check(made(128, 100, 0, 0, shape, "F32"), given);
}

TEST_CASE("schemes of FP8 that do not exist are refused", "[quant][fp8]") {
  for (const auto* scheme :
       {"fp8", "fp8-block", "fp8-block 128", "fp8-block 128 128 2 e4m3", "fp8-block 128 128 1 f32",
        "fp8-block -1 128 2 f32", "fp8-block 128 128 2 f32 7", "fp9 128 128 2 f32",
        "fp8-block groups int5 128 none f32"})
    REQUIRE_THROWS_AS(Codec(scheme, nullptr), strata::Failure);
  REQUIRE(Codec::score("fp8-block 128 128 2 f32", nullptr) > 0);
  REQUIRE(Codec::score("fp8", nullptr) == 0);
}

TEST_CASE("parts of another size are refused before they are read", "[quant][fp8]") {
  const Subject<Codec> subject(made(4, 4, 128, 128, {1, 1}, "F32").tensors);
  Parts parts(subject.codec.parts(f32, subject.packed.shape));
  REQUIRE_THROWS_WITH(unpacked<float>(subject.codec, parts.memory(), {4, 5}, f32),
                      Catch::Contains("16 elements") && Catch::Contains("20 of 8"));
  REQUIRE_THROWS_WITH(unpacked<float>(subject.codec, parts.memory().first(1), {4, 4}, f32),
                      Catch::Contains("1 parts"));
}

TEST_CASE("FP8 packs each number as the nearest code", "[quant][fp8]") {
  for (int code = 0; code < 0x7e; ++code) {
    const float low = e4m3(static_cast<uint8_t>(code)), high = e4m3(static_cast<uint8_t>(code + 1));
    REQUIRE(fp8::nearest(low) == code);
    REQUIRE(fp8::nearest(-low) == (code | 0x80));
    REQUIRE(fp8::nearest(low + (high - low) * 0.49F) == code);
    REQUIRE(fp8::nearest(low + (high - low) * 0.51F) == code + 1);
    REQUIRE(fp8::nearest((low + high) / 2) % 2 == 0);
  }
  REQUIRE(fp8::nearest(448) == 0x7e);
}
