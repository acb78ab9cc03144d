// Weights in groups on the GPU: unpacked bits are the CPU's, products are compared with float64.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gguf/floats.hpp"
#include "kernels/group_codec.hpp"
#include "tests/gpu/same_unpacked.hpp"

namespace strata::test {

namespace {

constexpr strata_dtype byte{STRATA_UINT, 8, 1}, half{STRATA_FLOAT, 16, 1},
    brain{STRATA_BFLOAT, 16, 1}, single{STRATA_FLOAT, 32, 1}, twice{STRATA_FLOAT, 64, 1};
constexpr strata_device cpu{STRATA_CPU, 0}, gpu{STRATA_CUDA, 0};

using Bytes = std::vector<std::byte>;

Bytes numbers(strata_dtype dtype, std::size_t count, auto make) {
  Bytes out(count * dtype.bits / 8);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = make();
    const auto put = [&](auto number) {
      std::memcpy(out.data() + i * sizeof number, &number, sizeof number);
    };
    if (dtype.bits == 32)
      put(value);
    else if (dtype.code == STRATA_BFLOAT)
      put(gguf::to_brain(value));
    else
      put(gguf::to_half(value));
  }
  return out;
}

double number_at(const Bytes& from, strata_dtype dtype, int64_t i) {
  const auto get = [&](auto number) {
    std::memcpy(&number, from.data() + i * static_cast<int64_t>(sizeof number), sizeof number);
    return number;
  };
  if (dtype.bits == 64) return get(double());
  if (dtype.bits == 32) return get(float());
  return dtype.code == STRATA_BFLOAT ? gguf::to_float(get(gguf::Brain()))
                                     : gguf::to_float(get(gguf::Half()));
}

// A weight with codes of every value but NaN, here and on the GPU.
class Weight {
 public:
  Weight(const std::string& words, int64_t rows, int64_t columns, unsigned seed = 5)
      : codec_(words), shape_{rows, columns} {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> scale(-0.1F, 0.1F);
    for (const auto& part : codec_.parts(single, shape_)) {
      const auto count = static_cast<std::size_t>(part.shape[0] * part.shape[1]);
      Bytes bytes(count);
      if (part.dtype.bits == 8) {
        const bool zeros = part.role == "zeros", small = codec_.form().code == kernels::Code::int4;
        for (auto& one : bytes)
          one = static_cast<std::byte>(zeros && small ? random() % 17 : random());
        if (codec_.form().code == kernels::Code::e4m3 && !zeros)
          for (auto& one : bytes)
            if ((one & std::byte{0x7f}) == std::byte{0x7f}) one = std::byte{0x7e};
      } else {
        bytes = numbers(part.dtype, count, [&] { return scale(random); });
      }
      shapes_.push_back(part.shape);
      dtypes_.push_back(part.dtype);
      bytes_.push_back(std::move(bytes));
    }
    for (const auto& one : bytes_) there_.emplace_back(one);
  }
  const kernels::GroupCodec& codec() const { return codec_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  std::vector<Memory> parts(strata_device device) {
    std::vector<Memory> out;
    for (std::size_t i = 0; i < bytes_.size(); ++i)
      out.push_back({device.type == STRATA_CPU ? bytes_[i].data() : there_[i].data(), device,
                     dtypes_[i], shapes_[i]});
    return out;
  }
  Bytes& codes() { return bytes_[0]; }

  Bytes unpacked(strata_dtype dtype) {
    Bytes out(static_cast<std::size_t>(shape_[0] * shape_[1] * dtype.bits / 8));
    codec_.unpack({}, parts(cpu), {out.data(), cpu, dtype, shape_});
    return out;
  }
  Bytes unpacked_there(strata_dtype dtype) {
    const DeviceMemory to(static_cast<std::size_t>(shape_[0] * shape_[1] * dtype.bits / 8));
    codec_.unpack({}, parts(gpu), {to.data(), gpu, dtype, shape_});
    return to.read(nullptr);
  }
  Bytes multiplied_there(const Bytes& x, strata_dtype dtype, int64_t tokens) {
    const int64_t x_shape[]{tokens, shape_[1]}, y_shape[]{tokens, shape_[0]};
    const auto width = dtype.bits / 8;
    const DeviceMemory from(Bytes(x.begin(), x.begin() + tokens * shape_[1] * width));
    const DeviceMemory to(static_cast<std::size_t>(tokens * shape_[0] * width));
    REQUIRE(codec_.can({shape_, tokens, gpu, dtype, false}));
    codec_.linear({}, parts(gpu),
                  {{from.data(), gpu, dtype, x_shape}, {to.data(), gpu, dtype, y_shape}});
    return to.read(nullptr);
  }

 private:
  kernels::GroupCodec codec_;
  std::vector<int64_t> shape_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<strata_dtype> dtypes_;
  std::vector<Bytes> bytes_;
  std::vector<DeviceMemory> there_;
};

Bytes vectors(strata_dtype dtype, int64_t tokens, int64_t columns, unsigned seed = 9) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  return numbers(dtype, static_cast<std::size_t>(tokens * columns), [&] { return normal(random); });
}

// Every kind of group: on tensor cores in steps of 64, 32 and 16 columns, and of any length.
struct Case {
  const char* words;
  int64_t rows, columns;
};
const Case cases[] = {
    {"groups int4 64 none f32", 40, 640},    {"groups int4 128 code f16", 33, 1280},
    {"groups int4 64 number f32", 16, 576},  {"groups int4 32 number bf16", 50, 96},
    {"groups int4 1024 code f16", 20, 192},  {"groups int4 12 code f32", 19, 77},
    {"groups int8 64 none f32", 40, 640},    {"groups int8 128 code f16", 33, 1280},
    {"groups int8 64 number f32", 16, 576},  {"groups int8 4096 none f32", 17, 1088},
    {"groups int8 32 none f16", 9, 160},     {"groups int8 10 number f16", 9, 43},
    {"groups nf4 64 none f32", 40, 640},     {"groups nf4 32 none bf16", 21, 96},
    {"groups nf4 64 none f32", 5, 67},       {"groups e2m1 16 none f32", 24, 336},
    {"groups e2m1 32 none bf16", 24, 352},   {"groups e2m1 64 none f16", 24, 704},
    {"groups e2m1 8 none f16", 24, 51},      {"groups e4m3 128 none f32", 130, 1280},
    {"groups e4m3 5120 none f32", 31, 5120}, {"groups e4m3 32 none bf16", 31, 96},
    {"groups e4m3 6 none f32", 31, 45}};

}  // namespace

TEST_CASE("groups unpacked on the GPU are those of the CPU to the last bit", "[gpu][groups]") {
  const auto& one = GENERATE(from_range(std::begin(cases), std::end(cases)));
  const auto dtype = GENERATE(from_range(std::begin(dense_dtypes), std::end(dense_dtypes)));
  CAPTURE(one.words, int{dtype.code}, int{dtype.bits});
  Weight weight(one.words, one.rows, one.columns);
  REQUIRE(weight.unpacked_there(dtype) == weight.unpacked(dtype));
}

TEST_CASE("products with groups on the GPU are those of float64", "[gpu][groups]") {
  const auto& one = GENERATE(from_range(std::begin(cases), std::end(cases)));
  const auto dtype = GENERATE(half, brain, single);
  CAPTURE(one.words, int{dtype.code}, int{dtype.bits});
  constexpr int64_t tokens = 64;
  Weight weight(one.words, one.rows, one.columns);
  const auto x = vectors(dtype, tokens, one.columns);
  const auto y = weight.multiplied_there(x, dtype, tokens);
  const auto w = weight.unpacked(twice);
  const double rounded = dtype.bits == 32 ? 0 : dtype.code == STRATA_BFLOAT ? 0x1p-8 : 0x1p-11;
  double worst = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < one.rows; ++n) {
      double sum = 0, all = 0;
      for (int64_t k = 0; k < one.columns; ++k) {
        const auto product =
            number_at(w, twice, n * one.columns + k) * number_at(x, dtype, t * one.columns + k);
        sum += product;
        all += std::fabs(product);
      }
      const auto apart = std::fabs(number_at(y, dtype, t * one.rows + n) - sum);
      worst = std::max(worst, (apart - rounded * std::fabs(sum)) / all);
    }
  CHECK(worst < 1e-5);
  const auto width = dtype.bits / 8 * one.rows;
  for (const int64_t some : {1, 2, 8, 9, 33}) {
    CAPTURE(some);
    const auto few = weight.multiplied_there(x, dtype, some);
    REQUIRE(std::memcmp(few.data(), y.data(), static_cast<std::size_t>(some * width)) == 0);
  }
}

TEST_CASE("a code that is NaN makes its row NaN on the GPU", "[gpu][groups]") {
  const auto dtype = GENERATE(half, brain, single);
  const auto columns = GENERATE(int64_t{256}, int64_t{50});
  Weight weight("groups e4m3 64 none f32", 20, columns);
  auto parts = weight.parts(gpu);
  const uint8_t nan = 0xff;
  succeed(cudaMemcpy(parts[0].as<uint8_t>() + 3 * columns + 49, &nan, 1, cudaMemcpyDefault));
  const auto y = weight.multiplied_there(vectors(dtype, 2, columns), dtype, 2);
  for (int64_t i = 0; i < 40; ++i) CHECK(std::isnan(number_at(y, dtype, i)) == (i % 20 == 3));
}

TEST_CASE("grouped products on the GPU have the bits of single ones", "[gpu][groups]") {
  const auto words = GENERATE("groups int4 64 code f16", "groups nf4 64 none f32");
  const auto dtype = GENERATE(brain, single);
  constexpr int64_t rows = 40, columns = 320, count = 35;  // more than one launch has
  std::vector<Weight> weights;
  for (unsigned i = 0; i < count; ++i) weights.emplace_back(words, rows, columns, i);
  std::vector<GroupedWeight> grouped;
  int64_t end = 0;
  for (int64_t i = 0; i < count; ++i) {
    end += i % 3 == 1 ? 0 : i % 5;
    grouped.push_back({weights[static_cast<std::size_t>(i)].parts(gpu), end});
  }
  const auto x = vectors(dtype, end, columns);
  const int64_t x_shape[]{end, columns}, y_shape[]{end, rows};
  const DeviceMemory from(x), to(static_cast<std::size_t>(end * rows * dtype.bits / 8));
  weights[0].codec().linear_grouped(
      {}, {grouped, {from.data(), gpu, dtype, x_shape}, {to.data(), gpu, dtype, y_shape}});
  const auto y = to.read(nullptr);
  int64_t begin = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto tokens = grouped[static_cast<std::size_t>(i)].end - begin;
    if (tokens > 0) {
      const auto width = dtype.bits / 8;
      const Bytes own(x.begin() + begin * columns * width, x.end());
      const auto single_y =
          weights[static_cast<std::size_t>(i)].multiplied_there(own, dtype, tokens);
      CHECK(std::equal(single_y.begin(), single_y.end(), y.begin() + begin * rows * width));
    }
    begin += tokens;
  }
}

TEST_CASE("parts beside another device are refused", "[gpu][groups]") {
  Weight weight("groups int4 64 none f32", 8, 64);
  const DeviceMemory to(std::size_t{8} * 64 * 4);
  REQUIRE_THROWS_WITH(
      weight.codec().unpack({}, weight.parts(cpu), {to.data(), gpu, single, weight.shape()}),
      Catch::Contains("not on the GPU"));
}

}  // namespace strata::test
