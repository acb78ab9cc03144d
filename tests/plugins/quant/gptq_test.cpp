#include <gptq/format.hpp>
#include <transposed/codec.hpp>

#include "tests/plugins/quant/integer_weights.hpp"

using namespace integer_weights;
using Codec = transposed::Codec<gptq::Format>;

namespace {

// Writes the lowest bits of `code` as the number `at` of a stream of codes, whose bits fill words
// that lie `apart` words from each other.
void put_code(uint32_t* words, int64_t apart, int bits, int64_t at, uint32_t code) {
  for (int64_t i = 0; i < bits; ++i) {
    const auto bit = at * bits + i;
    auto& word = words[bit / 32 * apart];
    word = (word & ~(1U << bit % 32)) | (code >> i & 1U) << bit % 32;
  }
}

// The file's parts: codes run down the columns of their tensor, zeros along its rows.
std::vector<Bytes> packed(const Codec& codec, const Weight& weight, int bits, bool less_one) {
  auto parts = parts_of(codec, {weight.out, weight.in});
  for (int64_t n = 0; n < weight.out; ++n)
    for (int64_t k = 0; k < weight.in; ++k)
      put_code(parts[0].as<uint32_t>() + n, weight.out, bits, k,
               static_cast<uint32_t>(weight.codes[static_cast<std::size_t>(n * weight.in + k)]));
  for (int64_t g = 0; g < weight.groups; ++g)
    for (int64_t n = 0; n < weight.out; ++n) {
      const auto at = static_cast<std::size_t>(g * weight.out + n);
      put_code(parts[1].as<uint32_t>() + g * weight.out * bits / 32, 1, bits, n,
               static_cast<uint32_t>(weight.zeros[at]));
      parts[2].put(at, weight.scales[at]);
    }
  // A borrow goes through a word, but not through codes of 3 bits, each of which wraps alone.
  if (less_one && bits != 3) {
    const uint32_t ones = bits == 2 ? 0x55555555U : bits == 4 ? 0x11111111U : 0x01010101U;
    for (std::size_t i = 0; i < parts[1].size() / 4; ++i) parts[1].as<uint32_t>()[i] -= ones;
  } else if (less_one) {
    for (int64_t g = 0; g < weight.groups; ++g)
      for (int64_t n = 0; n < weight.out; ++n)
        put_code(
            parts[1].as<uint32_t>() + g * weight.out * bits / 32, 1, bits, n,
            static_cast<uint32_t>(weight.zeros[static_cast<std::size_t>(g * weight.out + n)] - 1) &
                7U);
  }
  if (parts.size() == 4) std::memcpy(parts[3].as<int32_t>(), weight.order.data(), parts[3].size());
  return parts;
}

std::string scheme_of(int bits, int64_t group, const char* rest) {
  return "gptq " + std::to_string(bits) + ' ' + (group == 0 ? "row" : std::to_string(group)) + rest;
}

}  // namespace

TEST_CASE("a weight unpacks to the numbers of its codes in every layout", "[gptq]") {
  const int bits = GENERATE(2, 3, 4, 8);
  const bool less_one = GENERATE(false, true), free = GENERATE(false, true);
  const int64_t many = bits == 3 ? 32 : 32 / bits;
  const int64_t rows = GENERATE_COPY(many, 3 * many), group = GENERATE(0, 8, 20);
  const int64_t columns = 5 * many;
  const auto scheme =
      scheme_of(bits, group, less_one ? " f16 v1" : " f16 v2") + (free ? " order" : "");
  CAPTURE(scheme, rows, columns);
  Weight weight(bits, rows, columns, group == 0 ? columns : group, f16, 1);
  if (free) weight.shuffle(2);
  const Codec codec(scheme, nullptr);
  auto parts = packed(codec, weight, bits, less_one);
  check_unpacked(codec, parts, weight);
  const std::array shape{rows, columns};
  if (free)
    REQUIRE(codec.run_scheme({shape, 1, {STRATA_CPU, 0}, f32}) == std::nullopt);
  else
    check_run_form(codec, parts, weight,
                   std::string("gptq groups ") + (bits == 8 ? "int8 " : "int4 ") +
                       std::to_string(weight.group) + " code f16");
}

TEST_CASE("a weight unpacks with scales of every dtype", "[gptq]") {
  const auto [name, dtype] = GENERATE(table<const char*, int>({{"bf16", 1}, {"f32", 2}}));
  const auto scale = dtype == 1 ? bf16 : f32;
  Weight weight(4, 72, 136, 32, scale, 3);
  const Codec codec(std::string("gptq 4 32 ") + name + " v2 in-order", nullptr);
  auto parts = packed(codec, weight, 4, false);
  check_unpacked(codec, parts, weight);
  check_run_form(codec, parts, weight, std::string("gptq groups int4 32 code ") + name);
}

TEST_CASE("a symmetric weight that stores its zeros whole is no version 1", "[gptq]") {
  const int bits = GENERATE(2, 3, 4, 8);
  const bool less_one = GENERATE(false, true);
  Weight weight(bits, 64, 64, 32, f16, 4);
  std::ranges::fill(weight.zeros, 1 << (bits - 1));
  const Codec codec(scheme_of(bits, 32, " f16 v1 symmetric"), nullptr);
  auto parts = packed(codec, weight, bits, less_one);
  check_unpacked(codec, parts, weight);
}

TEST_CASE("parts lie at any address", "[gptq]") {
  Weight weight(3, 32, 64, 32, f16, 5);
  weight.shuffle(6);
  const Codec codec("gptq 3 32 f16 v1 order", nullptr);
  auto parts = packed(codec, weight, 3, true);
  std::vector<std::vector<std::byte>> moved;
  auto given = memories(parts);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& bytes = moved.emplace_back(parts[i].size() + 1);
    std::memcpy(bytes.data() + 1, given[i].data, parts[i].size());
    given[i].data = bytes.data() + 1;
  }
  Bytes expected(f32, {32, 64}), dense(f32, {32, 64});
  codec.unpack({}, memories(parts), expected.memory());
  codec.unpack({}, given, dense.memory());
  REQUIRE(std::memcmp(dense.as<float>(), expected.as<float>(), dense.size()) == 0);
}

TEST_CASE("an order that names no group is refused", "[gptq]") {
  const int32_t group = GENERATE(-1, 2, 1 << 30);
  Weight weight(4, 8, 64, 32, f16, 7);
  weight.order[5] = group;
  const Codec codec("gptq 4 32 f16 v2 order", nullptr);
  auto parts = packed(codec, weight, 4, false);
  Bytes dense(f32, {8, 64});
  REQUIRE_THROWS_WITH(codec.unpack({}, memories(parts), dense.memory()),
                      Catch::Contains("column 5") && Catch::Contains(std::to_string(group)));
}

TEST_CASE("parts of another weight are refused", "[gptq]") {
  const Codec codec("gptq 4 32 f16 v2", nullptr);
  auto parts = parts_of(codec, {8, 64}), others = parts_of(codec, {8, 128});
  Bytes dense(f32, {8, 64}), words(i32, {8, 64});
  auto given = memories(parts);
  REQUIRE_NOTHROW(codec.unpack({}, given, dense.memory()));
  REQUIRE_THROWS_WITH(codec.unpack({}, memories(others), dense.memory()), Catch::Contains("codes"));
  REQUIRE_THROWS_WITH(codec.unpack({}, given, words.memory()), Catch::Contains("float16"));
  const std::array<int64_t, 2> shape{8, 64};
  auto run = parts_of(Codec("gptq groups int4 32 code f16", nullptr), {8, 64});
  auto filled = memories(run);
  REQUIRE_THROWS_WITH(codec.repack({}, shape, given, std::span(filled).first(2)),
                      Catch::Contains("2 parts"));
  std::swap(filled[0], filled[2]);
  REQUIRE_THROWS_WITH(codec.repack({}, shape, given, filled), Catch::Contains("codes"));
  given.pop_back();
  REQUIRE_THROWS_WITH(codec.unpack({}, given, dense.memory()), Catch::Contains("2 parts"));
}

TEST_CASE("a weight that does not fill words is refused", "[gptq]") {
  const auto [bits, rows, columns] = GENERATE(table<int, int64_t, int64_t>(
      {{4, 12, 64}, {4, 16, 60}, {3, 32, 48}, {3, 48, 32}, {2, 24, 32}, {8, 6, 8}}));
  const Codec codec(scheme_of(bits, 16, " f16 v2"), nullptr);
  const std::array shape{rows, columns};
  REQUIRE_THROWS_WITH(codec.parts(f16, shape), Catch::Contains("fill words"));
}

TEST_CASE("a scheme that is none is refused", "[gptq]") {
  const auto scheme =
      GENERATE("", "gptq", "gptq ", "gptq 5 128 f16 v1", "gptq 4 0 f16 v1", "gptq 4 128 f16",
               "gptq 4 128 f64 v1", "gptq 4 128 f16 v3", "gptq 4 128 f16 v1 backward",
               "gptq 4 128 f16 v1 order more", "gptq 4 128 f16 v1 symmetric more",
               "gptq 4 99999999999999999999 f16 v1", "gptq groups int5 128 code f16",
               "awq 4 128 f16", "gptq 4 128 f16 v1 order ", "gptq -4 128 f16 v1");
  CAPTURE(scheme);
  REQUIRE_THROWS_WITH(Codec(scheme, nullptr), Catch::Contains(": no "));
}

TEST_CASE("a scheme is written as it is read", "[gptq]") {
  const std::string scheme =
      GENERATE("gptq 4 128 f16 v1", "gptq 3 row bf16 v2", "gptq 2 64 f32 v1 symmetric",
               "gptq 8 32 f16 v1 symmetric order", "gptq 4 128 f16 v2 in-order");
  REQUIRE(gptq::Format(std::string_view(scheme).substr(5), scheme).scheme() == scheme);
}
