#include <awq/format.hpp>
#include <kernels/device_groups.hpp>
#include <transposed/codec.hpp>

#include "tests/plugins/quant/integer_weights.hpp"

using namespace integer_weights;
using Codec = transposed::Codec<awq::Format>;

namespace {

// Eight rows fill a word, those of even numbers below those of odd ones.
void put_row(uint32_t* words, int64_t row, int code) {
  constexpr int rows[] = {0, 2, 4, 6, 1, 3, 5, 7};
  int at = 0;
  while (rows[at] != row % 8) ++at;
  auto& word = words[row / 8];
  word = (word & ~(15U << 4 * at)) | static_cast<uint32_t>(code) << 4 * at;
}

std::vector<Bytes> packed(const Codec& codec, const Weight& weight) {
  auto parts = parts_of(codec, {weight.out, weight.in});
  for (int64_t k = 0; k < weight.in; ++k)
    for (int64_t n = 0; n < weight.out; ++n)
      put_row(parts[0].as<uint32_t>() + k * weight.out / 8, n,
              weight.codes[static_cast<std::size_t>(n * weight.in + k)]);
  for (int64_t g = 0; g < weight.groups; ++g)
    for (int64_t n = 0; n < weight.out; ++n) {
      const auto at = static_cast<std::size_t>(g * weight.out + n);
      put_row(parts[1].as<uint32_t>() + g * weight.out / 8, n, weight.zeros[at]);
      parts[2].put(at, weight.scales[at]);
    }
  return parts;
}

}  // namespace

TEST_CASE("a weight unpacks to the numbers of its codes, and so do its groups along rows",
          "[awq]") {
  const int64_t rows = GENERATE(8, 64, 136), columns = GENERATE(2, 40, 128, 300);
  const int64_t group = GENERATE(0, 32, 20);
  const auto [name, scale] =
      GENERATE(table<const char*, strata_dtype>({{"f16", f16}, {"bf16", bf16}}));
  const auto scheme =
      "awq 4 " + (group == 0 ? std::string("row") : std::to_string(group)) + ' ' + name;
  CAPTURE(scheme, rows, columns);
  const Weight weight(4, rows, columns, group == 0 || group > columns ? columns : group, scale, 1);
  const Codec codec(scheme, nullptr);
  auto parts = packed(codec, weight);
  check_unpacked(codec, parts, weight);
  check_run_form(codec, parts, weight,
                 "awq groups int4 " + std::to_string(weight.group) + " code " + name);
}

TEST_CASE("an odd number of columns leaves the last halves alone", "[awq]") {
  const Weight weight(4, 16, 37, 8, f16, 2);
  const Codec codec("awq 4 8 f16", nullptr);
  auto parts = packed(codec, weight);
  check_unpacked(codec, parts, weight);
  check_run_form(codec, parts, weight, "awq groups int4 8 code f16");
}

TEST_CASE("groups of an odd length are unpacked, since products take none", "[awq]") {
  const Weight weight(4, 8, 35, 7, f16, 3);
  const Codec codec("awq 4 7 f16", nullptr);
  auto parts = packed(codec, weight);
  check_unpacked(codec, parts, weight);
  const std::array<int64_t, 2> shape{8, 35};
  REQUIRE(codec.run_scheme({shape, 1, {STRATA_CPU, 0}, f32}) == std::nullopt);
  REQUIRE_THROWS_WITH(codec.repack({}, shape, memories(parts), {}), Catch::Contains("groups"));
}

TEST_CASE("products on a GPU have groups along rows where the build has kernels", "[awq]") {
  const std::array<int64_t, 2> shape{64, 128};
  const Codec codec("awq 4 32 f16", nullptr);
  REQUIRE(codec.run_scheme({shape, 1, {STRATA_CUDA, 0}, f32}).has_value() ==
          strata::kernels::unpacks_on_device());
  REQUIRE(codec.run_scheme({shape, 1, {STRATA_PINNED, 0}, bf16}).has_value());
}

TEST_CASE("rows that do not fill words, and other schemes, are refused", "[awq]") {
  const std::array<int64_t, 2> shape{12, 64};
  REQUIRE_THROWS_WITH(Codec("awq 4 32 f16", nullptr).parts(f16, shape),
                      Catch::Contains("fill words"));
  const auto scheme = GENERATE("awq", "awq 8 128 f16", "awq 4 128 f16 v1", "awq 4 0128 f16",
                               "gptq 4 128 f16 v1", "awq groups int4 128 code");
  REQUIRE_THROWS_WITH(Codec(scheme, nullptr), Catch::Contains(": no "));
}
