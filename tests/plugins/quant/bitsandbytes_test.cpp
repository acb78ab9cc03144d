#include "bitsandbytes/four_bit.hpp"
#include "bitsandbytes/int8.hpp"
#include "tests/plugins/quant/packed/subject.hpp"

using namespace packed_tests;
using Codec = packed::Codec<bitsandbytes::FourBit, bitsandbytes::Int8>;

namespace {

constexpr auto method = R"({"quant_method": "bitsandbytes"})";

// The numbers of NF4, as QLoRA's paper lists them.
const std::vector<float> nf4{-1.0F,
                             -0.6961928009986877F,
                             -0.5250730514526367F,
                             -0.39491748809814453F,
                             -0.28444138169288635F,
                             -0.18477343022823334F,
                             -0.09105003625154495F,
                             0.0F,
                             0.07958029955625534F,
                             0.16093020141124725F,
                             0.24611230194568634F,
                             0.33791524171829224F,
                             0.44070982933044434F,
                             0.5626170039176941F,
                             0.7229568362236023F,
                             1.0F};

std::vector<float> fp4() {
  std::vector<float> out;
  for (const float twelfths : {0.0F, 0.0625F, 8.0F, 12.0F, 4.0F, 6.0F, 2.0F, 3.0F})
    out.push_back(twelfths / 12);
  for (int i = 0; i < 8; ++i) out.push_back(-out[static_cast<std::size_t>(i)]);
  return out;
}

struct Made {
  std::vector<Tensor> tensors;
  std::vector<float> elements, products;  // rounded to the dtype, and not
};

struct Choice {
  std::string kind = "nf4", dtype = "bfloat16", type = "BF16";
  int64_t block = 64;
  bool nested = false;
};

Made made(int64_t out, int64_t in, const Choice& choice) {
  Random random(static_cast<unsigned>(out * in));
  const auto numbers = choice.kind == "nf4" ? nf4 : fp4();
  const auto codes = random.bytes<uint8_t>((out * in + 1) / 2);
  const auto blocks = (out * in + choice.block - 1) / choice.block;
  auto state = R"({"quant_type": ")" + choice.kind + R"(", "blocksize": )" +
               std::to_string(choice.block) + R"(, "dtype": ")" + choice.dtype +
               R"(", "shape": [)" + std::to_string(out) + ", " + std::to_string(in) + "]";
  Made made;
  made.tensors = {tensor("weight", "U8", {(out * in + 1) / 2, 1}, codes)};
  auto largest = random.floats(blocks, 0.01F, 0.1F);
  const auto map = tensor("quant_map", "F32", {16}, numbers);
  if (choice.nested) {
    const auto nested = random.bytes<uint8_t>(blocks);
    const auto table = random.floats(256, -1, 1),
               scales = random.floats((blocks + 255) / 256, 0.01F, 0.1F);
    const float offset = 0.0625123F;
    for (std::size_t i = 0; i < largest.size(); ++i) {
      const volatile float scaled = table[nested[i]] * scales[i / 256];
      largest[i] = scaled + offset;
    }
    made.tensors.push_back(tensor("absmax", "U8", {blocks}, nested));
    made.tensors.push_back(map);
    made.tensors.push_back(tensor("nested_absmax", "F32", {(blocks + 255) / 256}, scales));
    made.tensors.push_back(tensor("nested_quant_map", "F32", {256}, table));
    state += R"(, "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": )"
             "0.06251230090856552";
  } else {
    made.tensors.push_back(tensor("absmax", "F32", {blocks}, largest));
    made.tensors.push_back(map);
  }
  state += "}";
  made.tensors.push_back(tensor("quant_state", "U8", {static_cast<int64_t>(state.size())},
                                std::vector<char>(state.begin(), state.end())));
  for (int64_t i = 0; i < out * in; ++i) {
    const auto byte = codes[static_cast<std::size_t>(i / 2)];
    const auto code = i % 2 == 0 ? byte >> 4 : byte & 15;
    made.products.push_back(numbers[static_cast<std::size_t>(code)] *
                            largest[static_cast<std::size_t>(i / choice.block)]);
    made.elements.push_back(rounded(choice.type, made.products.back()));
  }
  return made;
}

}  // namespace

TEST_CASE("NF4 is unpacked and multiplied, with magnitudes nested or not",
          "[quant][bitsandbytes]") {
  const bool nested = GENERATE(false, true);
  const auto [dtype, type] = GENERATE(table<std::string, std::string>(
      {{"bfloat16", "BF16"}, {"float16", "F16"}, {"float32", "F32"}}));
  const auto [out, in] = GENERATE(table<int64_t, int64_t>({{8, 128}, {70, 320}, {3, 80}, {5, 32}}));
  const auto from = made(out, in, {"nf4", dtype, type, 64, nested});
  const Subject<Codec> subject(from.tensors, method);
  REQUIRE(same(subject.dense(), from.elements));
  const auto run = subject.run();
  REQUIRE(same(unpacked<float>(run.codec, run.parts.memory(), subject.packed.shape, f32),
               from.products));
  subject.multiplies(from.products);
}

TEST_CASE("FP4, and NF4 whose rows divide no block, are unpacked", "[quant][bitsandbytes]") {
  const auto [kind, out, in] = GENERATE(table<std::string, int64_t, int64_t>(
      {{"fp4", 8, 128}, {"fp4", 3, 7}, {"nf4", 5, 7}, {"nf4", 6, 72}}));
  const auto from = made(out, in, {.kind = kind});
  const Subject<Codec> subject(from.tensors);
  REQUIRE(same(subject.dense(), from.elements));
  REQUIRE_FALSE(subject.run_scheme());
}

TEST_CASE("codes may be viewed as numbers of another type", "[quant][bitsandbytes]") {
  auto from = made(8, 128, {});
  const auto [type, bytes] =
      GENERATE(table<std::string, int64_t>({{"BF16", 2}, {"F16", 2}, {"F32", 4}, {"I8", 1}}));
  from.tensors[0].type = type, from.tensors[0].shape = {8 * 128 / 2 / bytes, 1};
  REQUIRE(same(Subject<Codec>(from.tensors).dense(), from.elements));
}

TEST_CASE("tensors of 4 bits that do not fit are refused with both", "[quant][bitsandbytes]") {
  const auto refused = [](std::size_t which, std::vector<int64_t> shape, const std::string& words) {
    auto from = made(8, 128, {.nested = true}).tensors;
    from[which].shape = std::move(shape);
    REQUIRE_THROWS_WITH(recognized<Codec>(from, method), Catch::Contains(words));
  };
  refused(0, {511, 1}, "weight U8 [511, 1] and quant_state U8 ");
  refused(0, {512}, "weight U8 [512] and quant_state U8 ");
  refused(1, {15}, "weight U8 [512, 1] and absmax U8 [15] do not fit");
  refused(3, {2}, "absmax U8 [16] and nested_absmax F32 [2] do not fit");
  refused(4, {255}, "absmax U8 [16] and nested_quant_map F32 [255] do not fit");
  auto from = made(8, 128, {.nested = true}).tensors;
  from.erase(from.begin() + 3);
  REQUIRE_THROWS_WITH(recognized<Codec>(from), Catch::Contains("nested_absmax or"));
  from = made(8, 128, {}).tensors;
  from[2] = tensor("quant_map", "F32", {16}, fp4());
  REQUIRE_THROWS_WITH(recognized<Codec>(from), Catch::Contains("other numbers"));
}

TEST_CASE("states of 4 bits that are not valid are refused", "[quant][bitsandbytes]") {
  const auto refused = [](const std::string& state, const std::string& words) {
    auto from = made(8, 128, {}).tensors;
    from[3] = tensor("quant_state", "U8", {static_cast<int64_t>(state.size())},
                     std::vector<char>(state.begin(), state.end()));
    REQUIRE_THROWS_WITH(recognized<Codec>(from), Catch::Contains(words));
  };
  const std::string begin = R"({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16")";
  refused("{", "is no valid JSON");
  refused("[1, 2", "is no valid JSON");
  refused(std::string(100, '['), "is no valid JSON");
  refused(R"({"quant_type": "nf4"} x)", "is no valid JSON");
  refused("{\"quant_type\": \"nf4\\ud800\"}", "is no valid JSON");
  refused(R"({"quant_type": nan})", "is no valid JSON");
  refused(R"({"quant_type": "nf5"})", "the type 'nf5'");
  refused(R"({"quant_type": 4})", "no valid quant_type");
  refused(R"({"quant_type": "nf4", "blocksize": 48})", "a blocksize of 48");
  refused(R"({"quant_type": "nf4", "blocksize": 6.5})", "blocksize is no length");
  refused(R"({"quant_type": "nf4", "blocksize": 64, "dtype": "int8"})", "the dtype 'int8'");
  refused(begin + "}", "no valid shape");
  refused(begin + R"(, "shape": [4, 8, 16]})", "3 dimensions");
  refused(begin + R"(, "shape": [1e30, 16]})", "shape is no length");
  refused(begin + R"(, "shape": [8, 128], "nested_blocksize": 256})", "no valid nested_offset");
}

TEST_CASE("LLM.int8 is unpacked and multiplied", "[quant][bitsandbytes]") {
  const bool format = GENERATE(false, true);
  const int64_t out = 7, in = GENERATE(33, 64);
  Random random(1);
  const auto codes = random.bytes<int8_t>(out * in);
  const auto largest = random.floats(out, 0.01F, 1);
  std::vector<Tensor> tensors{tensor("weight", "I8", {out, in}, codes),
                              tensor("SCB", "F32", {out}, largest)};
  if (format) tensors.push_back(tensor<uint8_t>("weight_format", "U8", {}, {0}));
  std::vector<float> elements;
  for (int64_t i = 0; i < out * in; ++i) {
    const volatile float scaled = static_cast<float>(codes[static_cast<std::size_t>(i)]) *
                                  largest[static_cast<std::size_t>(i / in)];
    elements.push_back(scaled * 7.874015718698502e-3F);
  }
  const Subject<Codec> subject(tensors, method);
  REQUIRE(same(subject.dense(), elements));
  const auto run = subject.run();
  const auto repacked = unpacked<float>(run.codec, run.parts.memory(), subject.packed.shape, f32);
  for (std::size_t i = 0; i < elements.size(); ++i)
    REQUIRE(std::fabs(repacked[i] - elements[i]) <= std::fabs(elements[i]) * 0x1p-23F);
  subject.multiplies(repacked);

  tensors[1].shape = {out + 1};
  REQUIRE_THROWS_WITH(recognized<Codec>(tensors),
                      Catch::Contains("and SCB F32 [8] do not fit each other"));
  REQUIRE_FALSE(recognized<Codec>(tensors, R"({"quant_method": "gptq"})"));
  if (!format) return;
  tensors[1].shape = {out};
  tensors[2].bytes[0] = 2;
  REQUIRE_THROWS_WITH(recognized<Codec>(tensors), Catch::Contains("layout number 2"));
}

TEST_CASE("schemes of bitsandbytes that do not exist are refused", "[quant][bitsandbytes]") {
  for (const auto* scheme :
       {"bnb-nf4 64 u8 bf16 100", "bnb-nf4 64 u8 bf16 100 0 0", "bnb-nf4 64 u9 bf16 100 0",
        "bnb-nf4 64 u8 e4m3 100 0", "bnb-nf4 8192 u8 bf16 100 0", "bnb-int8", "bnb-int8 2"})
    REQUIRE_THROWS_AS(Codec(scheme, nullptr), strata::Failure);
}
