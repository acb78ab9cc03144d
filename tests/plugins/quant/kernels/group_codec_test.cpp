#include "kernels/group_codec.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kernels/device_groups.hpp"

using namespace strata;
using Catch::Contains;

namespace {

constexpr strata_dtype byte{STRATA_UINT, 8, 1}, single{STRATA_FLOAT, 32, 1},
    half{STRATA_FLOAT, 16, 1};
constexpr strata_device cpu{STRATA_CPU, 0}, gpu{STRATA_CUDA, 0};
constexpr strata_call call{};

// A weight of 2 x 5 in groups of 4: (code - zero) * scale with scales 1, 0.5, 2 and -1.
struct Weight {
  std::vector<uint8_t> codes{0x21, 0x43, 0x05, 0xfe, 0xdc, 0x9b};
  std::vector<float> scales{1, 0.5F, 2, -1};
  std::vector<uint8_t> zeros{0, 1, 8, 3};
  std::vector<int64_t> code_shape{2, 3}, group_shape{2, 2};
  std::vector<Memory> parts() {
    return {{codes.data(), cpu, byte, code_shape},
            {scales.data(), cpu, single, group_shape},
            {zeros.data(), cpu, byte, group_shape}};
  }
};
constexpr float elements[] = {1, 2, 3, 4, 2, 12, 14, 8, 10, -8};

}  // namespace

TEST_CASE("the words of a form in groups are read as they are written", "[quant][kernels]") {
  for (const std::string code : {"int4", "int8", "nf4", "e2m1", "e4m3"})
    for (const std::string zero : {"none", "code", "number"})
      for (const std::string scale : {"f16", "bf16", "f32"})
        for (const std::string group : {"2", "128", "1073741824"}) {
          const auto text = "groups " + code + " " + group + " " + zero + " " + scale;
          const auto form = kernels::parse_groups(text);
          INFO(text);
          REQUIRE(form.has_value() == (zero == "none" || code.starts_with("int")));
          if (form) REQUIRE(kernels::words_of(*form) == text);
        }
  const auto form = kernels::parse_groups("groups int8 64 number bf16").value();
  REQUIRE(form.code == kernels::Code::int8);
  REQUIRE(form.zero == kernels::Zero::number);
  REQUIRE(form.group == 64);
  REQUIRE(form.scale.code == STRATA_BFLOAT);
  REQUIRE(form.scale.bits == 16);
}

TEST_CASE("other words are no form in groups", "[quant][kernels]") {
  const auto text = GENERATE(
      as<std::string>(), "", "groups", "group int4 128 code f16", "groups int4 128 code",
      "groups int4 128 code f16 ", "groups int4 128 code f16 f16", " groups int4 128 code f16",
      "groups  int4 128 code f16", "groups int5 128 code f16", "groups int4 128 zero f16",
      "groups int4 128 code f64", "groups int4 0 code f16", "groups int4 -2 code f16",
      "groups int4 +2 code f16", "groups int4 3 code f16", "groups int4 02 code f16",
      "groups int4 2x code f16", "groups int4 1073741826 code f16", "groups int4  code f16",
      "groups int4 99999999999999999999 code f16", "groups nf4 64 code f16");
  INFO(text);
  REQUIRE_FALSE(kernels::parse_groups(text));
  REQUIRE_THROWS_WITH(kernels::GroupCodec(text), Contains("groups CODE GROUP ZERO SCALE"));
}

TEST_CASE("a weight in groups has parts whose rows may be cut", "[quant][kernels]") {
  const kernels::GroupCodec codec("groups int4 4 number f16");
  const std::vector<int64_t> shape{3, 2, 9};
  const auto parts = codec.parts(single, shape);
  REQUIRE(parts.size() == 3);
  REQUIRE(parts[0].role == "codes");
  REQUIRE(parts[0].shape == std::vector<int64_t>{3, 2, 5});
  REQUIRE(parts[0].dtype.bits == 8);
  for (const std::size_t i : {1U, 2U}) {
    REQUIRE(parts[i].role == (i == 1 ? "scales" : "zeros"));
    REQUIRE(parts[i].shape == std::vector<int64_t>{3, 2, 3});
    REQUIRE(parts[i].dtype.code == STRATA_FLOAT);
    REQUIRE(parts[i].dtype.bits == 16);
  }
  for (const auto& part : parts) REQUIRE(part.shard_axis == 0);
  const std::vector<int64_t> matrix{2, 9};
  REQUIRE(kernels::GroupCodec("groups int8 128 code f32").parts(single, matrix)[0].shape == matrix);
  REQUIRE(kernels::GroupCodec("groups nf4 64 none f32").parts(single, matrix).size() == 2);
  const std::vector<int64_t> row{9}, empty{2, 0};
  REQUIRE_THROWS_WITH(codec.parts(single, row), Contains("matrices"));
  REQUIRE_THROWS_WITH(codec.parts(single, empty), Contains("matrices"));
}

TEST_CASE("a codec unpacks a weight in groups and multiplies with it", "[quant][kernels]") {
  const kernels::GroupCodec codec("groups int4 4 code f32");
  Weight weight;
  const auto parts = weight.parts();
  std::vector<float> dense(10);
  const std::vector<int64_t> shape{2, 5}, leading{2, 1, 5};
  codec.unpack(call, parts, {dense.data(), cpu, single, shape});
  REQUIRE(dense == std::vector<float>(std::begin(elements), std::end(elements)));
  dense.assign(10, 0);
  codec.unpack(call, parts, {dense.data(), cpu, single, leading});
  REQUIRE(dense == std::vector<float>(std::begin(elements), std::end(elements)));

  std::vector<float> x{1, 0, 0, 0, 0, 0, 1, 0, 1, -1}, y(4);
  const std::vector<int64_t> x_shape{2, 5}, y_shape{2, 2};
  const ProductKind kind{shape, 2, cpu, single, false};
  REQUIRE(codec.can(kind));
  std::vector<std::byte> space(codec.workspace(kind));
  codec.linear(call, parts,
               {{x.data(), cpu, single, x_shape}, {y.data(), cpu, single, y_shape}, space.data()});
  REQUIRE(y == std::vector<float>{1, 12, 2 + 4 - 2, 14 + 10 + 8});
}

TEST_CASE("a codec multiplies rows with several weights in groups", "[quant][kernels]") {
  const kernels::GroupCodec codec("groups int4 4 code f32");
  Weight first, second;
  second.scales = {3, 1, 1, 1};
  std::vector<float> x{1, 0, 0, 0, 0, 0, 1, 0, 1, -1, 1, 0, 0, 0, 0}, y(6);
  const std::vector<int64_t> shape{2, 5}, x_shape{3, 5}, y_shape{3, 2};
  std::vector<std::byte> space(codec.workspace({shape, 3, cpu, single, false}));
  std::vector<GroupedWeight> weights{{first.parts(), 2}, {second.parts(), 3}};
  GroupedProduct product{
      weights, {x.data(), cpu, single, x_shape}, {y.data(), cpu, single, y_shape}, space.data()};
  codec.linear_grouped(call, product);
  REQUIRE(y == std::vector<float>{1, 12, 2 + 4 - 2, 14 + 10 + 8, 3, 6});
  weights[1].end = 4;
  REQUIRE_THROWS_WITH(codec.linear_grouped(call, product),
                      Contains("x has 3 rows, and the weights have 4"));
  weights[1].end = 1;
  REQUIRE_THROWS_WITH(codec.linear_grouped(call, product), Contains("end before they begin"));
  weights[1].end = 3;
  weights[1].parts.pop_back();
  REQUIRE_THROWS_WITH(codec.linear_grouped(call, product), Contains("2 parts"));
}

TEST_CASE("a codec computes exact products of up to 64 tokens and fast ones of any number",
          "[quant][kernels]") {
  const kernels::GroupCodec codec("groups int4 128 none f16");
  const std::vector<int64_t> shape{7, 9}, experts{2, 7, 9};
  REQUIRE(codec.can({shape, 64, cpu, single, false}));
  REQUIRE_FALSE(codec.can({shape, 65, cpu, single, false}));
  REQUIRE(codec.can({shape, 6500, cpu, single, true}));
  REQUIRE(codec.can({shape, 1, {STRATA_PINNED, 0}, {STRATA_BFLOAT, 16, 1}, false}));
  REQUIRE(codec.can({shape, 1, gpu, single, false}) ==
          kernels::can_on_device(codec.form(), 9, single));  // a build may have no kernels
  REQUIRE_FALSE(codec.can({shape, 65, gpu, single, false}));
  REQUIRE(codec.unpacks(gpu) == kernels::unpacks_on_device());
  REQUIRE_FALSE(codec.can({shape, 1, cpu, half, false}));
  REQUIRE_FALSE(codec.can({experts, 1, cpu, single, false}));
}

TEST_CASE("parts that are not a weight's are refused with both facts", "[quant][kernels]") {
  const kernels::GroupCodec codec("groups int4 4 code f32");
  Weight weight;
  auto parts = weight.parts();
  std::vector<float> dense(10);
  const std::vector<int64_t> shape{2, 5}, shorter{2, 4};
  const Memory to{dense.data(), cpu, single, shape};
  const auto refuses = [&](const std::string& one, const std::string& other) {
    REQUIRE_THROWS_WITH(codec.unpack(call, parts, to),
                        Contains("groups int4 4 code f32: ") && Contains(one) && Contains(other));
  };
  SECTION("another number of parts") {
    parts.pop_back();
    refuses("2 parts", "has 3");
  }
  SECTION("another number of elements") {
    parts[0].shape = shorter;
    refuses("codes have 8 elements", "2 x 5 has 6");
  }
  SECTION("another dtype") {
    parts[1].dtype = half;
    refuses("scales are float16", "float32");
  }
  SECTION("another device") {
    parts[2].device = gpu;
    refuses("zeros", "host memory");
  }
  SECTION("a weight of another dtype") {
    REQUIRE_THROWS_WITH(codec.unpack(call, parts, {dense.data(), cpu, byte, shape}),
                        Contains("float64, not uint8"));
  }
  SECTION("a product of other shapes") {
    const std::vector<int64_t> x_shape{2, 5}, y_shape{1, 2};
    const Product product{{dense.data(), cpu, single, x_shape},
                          {dense.data(), cpu, single, y_shape}};
    REQUIRE_THROWS_WITH(codec.linear(call, parts, product), Contains("[T,in]"));
  }
}
