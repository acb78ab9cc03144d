// GGUF's blocks brought into groups along rows: every number stays as it is.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <gguf/blocks.hpp>
#include <kernels/beside_groups.hpp>
#include <random>
#include <string>
#include <vector>

namespace {

using Codec = strata::kernels::BesideGroups<gguf::Blocks>;
using strata::Memory;
using strata::kernels::GroupCodec;

constexpr strata_device cpu{STRATA_CPU, 0};
constexpr strata_dtype byte{STRATA_UINT, 8, 1}, single{STRATA_FLOAT, 32, 1};
constexpr std::array<int64_t, 2> shape{5, 512};

struct Owned {
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes;
  strata_dtype dtype;
  Memory memory() { return {bytes.data(), cpu, dtype, dims}; }
};

Owned owned(const strata::Part& part) {
  std::size_t bytes = part.dtype.bits / 8;
  for (const auto n : part.shape) bytes *= static_cast<std::size_t>(n);
  return {part.shape, std::vector<std::byte>(bytes), part.dtype};
}

std::vector<Memory> memories(std::vector<Owned>& parts) {
  std::vector<Memory> out;
  for (auto& part : parts) out.push_back(part.memory());
  return out;
}

// A format: its block's bytes, and where halves lie that are scales and minima.
struct Format {
  const char* name;
  int64_t bytes;
  std::vector<int> halves;
  const char* groups;
};
const Format formats[] = {{"Q4_0", 18, {0}, "groups int4 32 none f16"},
                          {"Q4_1", 20, {0, 2}, "groups int4 32 number f16"},
                          {"Q5_0", 22, {0}, "groups int8 32 none f16"},
                          {"Q5_1", 24, {0, 2}, "groups int8 32 number f16"},
                          {"Q8_0", 34, {0}, "groups int8 32 none f16"},
                          {"Q2_K", 84, {80, 82}, "groups int4 16 number f32"},
                          {"Q3_K", 110, {108}, "groups int4 16 none f32"},
                          {"Q4_K", 144, {0, 2}, "groups int4 32 number f32"},
                          {"Q5_K", 176, {0, 2}, "groups int8 32 number f32"},
                          {"Q6_K", 210, {208}, "groups int8 16 none f32"},
                          {"IQ4_NL", 18, {0}, "groups int8 32 none f16"},
                          {"IQ4_XS", 136, {0}, "groups int8 32 none f32"},
                          {"TQ1_0", 54, {52}, "groups int4 256 none f16"},
                          {"TQ2_0", 66, {64}, "groups int4 256 none f16"},
                          {"MXFP4", 17, {}, "groups e2m1 32 none bf16"},
                          {"NVFP4", 36, {}, "groups e2m1 16 none f16"}};

// Any codes, and finite halves of both signs; exponents that are numbers.
Owned random_blocks(const Codec& codec, const Format& format) {
  auto out = owned(codec.parts(single, shape)[0]);
  std::mt19937 random(3);
  for (auto& one : out.bytes) one = static_cast<std::byte>(random());
  for (std::size_t at = 0; at < out.bytes.size(); at += static_cast<std::size_t>(format.bytes)) {
    if (format.name == std::string_view("MXFP4"))
      out.bytes[at] = static_cast<std::byte>(random() % 255);
    for (const auto place : format.halves) {
      const auto half = static_cast<uint16_t>(random() % 0x7c00 | (random() & 1) << 15);
      std::memcpy(out.bytes.data() + at + static_cast<std::size_t>(place), &half, 2);
    }
  }
  return out;
}

std::vector<Owned> empty_groups(const GroupCodec& groups) {
  std::vector<Owned> out;
  for (const auto& part : groups.parts(single, shape)) out.push_back(owned(part));
  return out;
}

std::vector<float> unpacked(const auto& codec, std::span<const Memory> parts) {
  std::vector<float> out(static_cast<std::size_t>(shape[0] * shape[1]));
  codec.unpack(strata_call{}, parts, Memory{out.data(), cpu, single, shape});
  return out;
}

}  // namespace

TEST_CASE("the groups of blocks have their numbers", "[gguf]") {
  const auto& format = GENERATE(from_range(std::begin(formats), std::end(formats)));
  CAPTURE(format.name);
  const Codec codec(format.name, nullptr);
  const GroupCodec groups{std::string_view(format.groups)};
  auto held = random_blocks(codec, format);
  auto made = empty_groups(groups);
  const std::array from{held.memory()};
  const auto to = memories(made);
  codec.repack(strata_call{}, shape, from, to);
  const auto expected = unpacked(codec, from);
  REQUIRE(unpacked(groups, to) == expected);  // zeros may have another sign
  const Codec run(std::string(format.name) + ' ' + format.groups, nullptr);
  REQUIRE(unpacked(run, to) == expected);

  for (auto& one : held.bytes) one ^= std::byte{0x10};
  codec.repack(strata_call{}, shape, from, to);
  REQUIRE(unpacked(groups, to) != expected);
}

TEST_CASE("blocks come into groups where they are not multiplied as they lie", "[gguf]") {
  const strata::ProductKind here{shape, 1, cpu, single}, there{shape, 1, {STRATA_CUDA, 0}, single};
  const bool cuda = GroupCodec(std::string_view("groups int4 32 none f16")).can(there);
  for (const auto* name : {"Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q6_K"}) {
    const Codec codec(name, nullptr);
    REQUIRE(codec.can(here));
    REQUIRE_FALSE(codec.run_scheme(here));
    REQUIRE(codec.run_scheme(there).has_value() == cuda);
  }
  const Codec small("MXFP4", nullptr), large("IQ4_NL", nullptr);
  REQUIRE_FALSE(small.can(here));
  REQUIRE(small.run_scheme(here) == "MXFP4 groups e2m1 32 none bf16");
  REQUIRE_FALSE(large.run_scheme(here));  // twice the bytes of the blocks
  REQUIRE(large.run_scheme(there).has_value() == cuda);
}

TEST_CASE("formats whose numbers are in no such groups have none", "[gguf]") {
  const auto* name = GENERATE("IQ1_S", "IQ2_XXS", "IQ3_S");
  const Codec codec(name, nullptr);
  REQUIRE_FALSE(codec.run_scheme({shape, 1, {STRATA_CUDA, 0}, single}));
  REQUIRE_THROWS_WITH(codec.repack(strata_call{}, shape, {}, {}), Catch::Contains("no groups"));
}

TEST_CASE("groups of another form are refused", "[gguf]") {
  const auto* scheme = GENERATE("Q4_0 groups int4 32 number f16", "Q4_0 groups int8 32 none f16",
                                "IQ1_S groups int8 16 none f32", "Q4_0 groups", "Q4_0 ");
  REQUIRE_THROWS_AS(Codec(scheme, nullptr), strata::Failure);
}

TEST_CASE("parts of another weight are not filled", "[gguf]") {
  const Codec codec("Q4_1", nullptr);
  auto held = random_blocks(codec, formats[1]);
  auto made = empty_groups(GroupCodec(std::string_view("groups int4 32 number f16")));
  const std::array from{held.memory()};
  auto to = memories(made);
  const auto refuses = [&](const char* why) {
    REQUIRE_THROWS_WITH(codec.repack(strata_call{}, shape, from, to), Catch::Contains(why));
  };
  const std::array<int64_t, 2> shorter{5, 255};
  to[0].shape = shorter;
  refuses("the codes to fill are of another weight");
  to = memories(made);
  to[1].dtype = byte;
  refuses("the scales to fill are of another weight");
  to = memories(made);
  to[2].device = {STRATA_CUDA, 0};
  refuses("neither all in host memory nor all on one GPU");
  to.pop_back();
  refuses("2 parts to fill, and groups have 3");
}
