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
constexpr std::array<int64_t, 2> shape{5, 96};

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

// Any codes, and finite halves as scales and minima, of both signs; or an exponent.
Owned random_blocks(const Codec& codec, int64_t bytes_of_block, int halves) {
  auto out = owned(codec.parts(single, shape)[0]);
  std::mt19937 random(3);
  for (auto& one : out.bytes) one = static_cast<std::byte>(random());
  for (std::size_t at = 0; at < out.bytes.size(); at += static_cast<std::size_t>(bytes_of_block)) {
    if (halves == 0) out.bytes[at] = static_cast<std::byte>(random() % 255);
    for (int i = 0; i < halves; ++i) {
      const auto half = static_cast<uint16_t>(random() % 0x7c00 | (random() & 1) << 15);
      std::memcpy(out.bytes.data() + at + 2 * static_cast<std::size_t>(i), &half, 2);
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

std::size_t size(const std::vector<Owned>& parts) {
  std::size_t out = 0;
  for (const auto& part : parts) out += part.bytes.size();
  return out;
}

}  // namespace

TEST_CASE("the groups of blocks have their numbers", "[gguf]") {
  const auto [name, bytes, halves, words] = GENERATE(
      table<const char*, int, int, const char*>({{"Q4_0", 18, 1, "groups int4 32 none f16"},
                                                 {"Q4_1", 20, 2, "groups int4 32 number f16"},
                                                 {"Q8_0", 34, 1, "groups int8 32 none f16"},
                                                 {"MXFP4", 17, 0, "groups e2m1 32 none bf16"}}));
  CAPTURE(name);
  const Codec codec(name, nullptr);
  const GroupCodec groups{std::string_view(words)};
  auto held = random_blocks(codec, bytes, halves);
  auto made = empty_groups(groups);
  const auto blocks = held.bytes.size() / static_cast<std::size_t>(bytes);
  REQUIRE(size(made) <= held.bytes.size() + (halves == 0 ? blocks : 0));

  const std::array from{held.memory()};
  const auto to = memories(made);
  codec.repack(strata_call{}, shape, from, to);
  const auto expected = unpacked(codec, from);
  REQUIRE(unpacked(groups, to) == expected);  // zeros may have another sign
  const Codec run(std::string(name) + ' ' + words, nullptr);
  REQUIRE(unpacked(run, to) == expected);

  held.bytes[4] ^= std::byte{0x10};  // a code's bit
  codec.repack(strata_call{}, shape, from, to);
  REQUIRE(unpacked(groups, to) != expected);
}

TEST_CASE("blocks come into groups where they are not multiplied as they lie", "[gguf]") {
  const strata::ProductKind here{shape, 1, cpu, single}, there{shape, 1, {STRATA_CUDA, 0}, single};
  const bool cuda = GroupCodec(std::string_view("groups int4 32 none f16")).can(there);
  for (const auto* name : {"Q4_0", "Q4_1", "Q8_0"}) {
    const Codec codec(name, nullptr);
    REQUIRE(codec.can(here));
    REQUIRE_FALSE(codec.run_scheme(here));
    REQUIRE(codec.run_scheme(there).has_value() == cuda);
  }
  const Codec codec("MXFP4", nullptr);
  REQUIRE_FALSE(codec.can(here));
  REQUIRE(codec.run_scheme(here) == "MXFP4 groups e2m1 32 none bf16");
}

TEST_CASE("formats whose numbers are in no such groups have none", "[gguf]") {
  const auto* name = GENERATE("Q5_0", "Q5_1", "Q4_K", "Q6_K", "IQ4_NL", "NVFP4");
  const Codec codec(name, nullptr);
  REQUIRE_FALSE(codec.run_scheme({shape, 1, {STRATA_CUDA, 0}, single}));
  REQUIRE_THROWS_WITH(codec.repack(strata_call{}, shape, {}, {}), Catch::Contains("no groups"));
}

TEST_CASE("groups of another form are refused", "[gguf]") {
  const auto* scheme = GENERATE("Q4_0 groups int4 32 number f16", "Q4_0 groups int8 32 none f16",
                                "Q6_K groups int8 16 none f32", "Q4_0 groups", "Q4_0 ");
  REQUIRE_THROWS_AS(Codec(scheme, nullptr), strata::Failure);
}

TEST_CASE("parts of another weight are not filled", "[gguf]") {
  const Codec codec("Q4_1", nullptr);
  auto held = random_blocks(codec, 20, 2);
  auto made = empty_groups(GroupCodec(std::string_view("groups int4 32 number f16")));
  const std::array from{held.memory()};
  auto to = memories(made);
  const auto refuses = [&](const char* why) {
    REQUIRE_THROWS_WITH(codec.repack(strata_call{}, shape, from, to), Catch::Contains(why));
  };
  const std::array<int64_t, 2> shorter{5, 47};
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
