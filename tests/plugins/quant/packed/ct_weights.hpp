// Weights of compressed-tensors, made from the descriptions of its formats, and the numbers that
// they stand for.
#pragma once
#include "ct_weights/float4.hpp"
#include "ct_weights/naive_quantized.hpp"
#include "ct_weights/pack_quantized.hpp"
#include "tests/plugins/quant/packed/subject.hpp"

namespace ct_tests {

using namespace packed_tests;
namespace ct = compressed_tensors;
using Codec = packed::Codec<ct::PackQuantized, ct::NaiveQuantized, ct::Float4>;

inline constexpr auto method = R"({"quant_method": "compressed-tensors"})";

inline std::string options(const std::string& weights) {
  return R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": )" +
         weights + "}}}";
}

// Rows of unsigned codes, each row's bits one after the other in words of 32 from the lowest up.
inline std::vector<uint32_t> words(const std::vector<int>& codes, int64_t rows, int64_t columns,
                                   int bits) {
  const auto length = (columns * bits + 31) / 32;
  std::vector<uint32_t> out(static_cast<std::size_t>(rows * length));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t bit = 0; bit < columns * bits; ++bit) {
      const auto code = codes[static_cast<std::size_t>(r * columns + bit / bits)];
      if (code >> (bit % bits) & 1)
        out[static_cast<std::size_t>(r * length + bit / 32)] |= 1U << (bit % 32);
    }
  return out;
}

inline std::vector<int> transposed(const std::vector<int>& from, int64_t rows, int64_t columns) {
  std::vector<int> out;
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r)
      out.push_back(from[static_cast<std::size_t>(r * columns + c)]);
  return out;
}

template <class T>
std::vector<T> transposed_words(const std::vector<T>& from, int64_t rows, int64_t columns) {
  std::vector<T> out(from.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      out[static_cast<std::size_t>(c * rows + r)] = from[static_cast<std::size_t>(r * columns + c)];
  return out;
}

struct Made {
  std::vector<Tensor> tensors;
  std::vector<float> elements;  // rounded to the scales' type
  std::vector<float> products;  // not rounded
};

enum class Zeros { none, packed, bytes };

// Integers of some bits with a scale for each of `across` groups of a row.
inline Made integers(int64_t out, int64_t in, int bits, int64_t across, const std::string& type,
                     Zeros zeros, const std::vector<int32_t>& order = {}) {
  Random random(static_cast<unsigned>(out * in * bits + across));
  const int middle = 1 << (bits - 1);
  std::vector<int> codes, zero;
  for (int64_t i = 0; i < out * in; ++i) codes.push_back(random.below(2 * middle));
  for (int64_t i = 0; i < out * across; ++i)
    zero.push_back(zeros == Zeros::none ? middle : random.below(2 * middle));
  auto scales = random.floats(out * across, -0.02F, 0.02F);
  Made made;
  made.tensors = {
      tensor("weight_packed", "I32", {out, (in * bits + 31) / 32}, words(codes, out, in, bits)),
      floats("weight_scale", type, {out, across}, scales)};
  if (zeros == Zeros::packed) {
    const auto columns = words(transposed(zero, out, across), across, out, bits);
    const auto length = static_cast<int64_t>(columns.size()) / across;
    made.tensors.push_back(tensor("weight_zero_point", "I32", {length, across},
                                  transposed_words(columns, across, length)));
  } else if (zeros == Zeros::bytes) {
    std::vector<int8_t> bytes;
    for (const auto one : zero) bytes.push_back(static_cast<int8_t>(one - middle));
    made.tensors.push_back(tensor("weight_zero_point", "I8", {out, across}, bytes));
  }
  made.tensors.push_back(tensor<int64_t>("weight_shape", "I64", {2}, {out, in}));
  if (!order.empty()) made.tensors.push_back(tensor("weight_g_idx", "I32", {in}, order));
  const bool ordered = !order.empty() && order.front() >= 0;
  for (int64_t i = 0; i < out * in; ++i) {
    const auto column = i % in,
               group = ordered ? order[static_cast<std::size_t>(column)] : column / (in / across);
    const auto at = static_cast<std::size_t>(i / in * across + group);
    const auto product =
        static_cast<float>(codes[static_cast<std::size_t>(i)] - zero[at]) * scales[at];
    made.products.push_back(product);
    made.elements.push_back(rounded(type, product));
  }
  return made;
}

inline void check(const Made& made, const std::string& given = method) {
  const Subject<Codec> subject(made.tensors, given);
  REQUIRE(same(subject.dense(), made.elements));
  const auto run = subject.run();
  REQUIRE(same(unpacked<float>(run.codec, run.parts.memory(), subject.packed.shape, f32),
               made.products));
  REQUIRE(unpacked<uint16_t>(run.codec, run.parts.memory(), subject.packed.shape,
                             subject.packed.dtype) ==
          subject.template dense<uint16_t>(subject.packed.dtype));
  subject.multiplies(made.products);
}

}  // namespace ct_tests
