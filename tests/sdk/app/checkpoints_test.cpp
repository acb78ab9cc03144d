// The ranks of a run look at its output together, and each makes its files of a checkpoint.
#include "app/finetune/checkpoints.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>

#include "app/finetune/checkpoint_files.hpp"
#include "core/device/cpu_device.hpp"
#include "core/error.hpp"
#include "tests/folder.hpp"
#include "tests/sdk/app/message_group.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

using test::MessageGroup;

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Makes a checkpoint without tensors.
void make(const fs::path& output, std::uint64_t step) {
  fs::create_directories(output);
  write_checkpoint((output / ("checkpoint-" + std::to_string(step))).string(),
                   {.step = step, .updates = step, .scaler = {}}, {{"--lr", 0.1}}, {});
}

FinetuneOptions options_of(const fs::path& output, const std::string& resume = {}) {
  FinetuneOptions options;
  options.output = output.string();
  options.resume = resume;
  return options;
}

// No process has the last number.
std::string left_behind(const fs::path& output) {
  const auto path =
      output / ("checkpoint-9.part-" + std::to_string(std::numeric_limits<std::int32_t>::max()));
  fs::create_directories(path);
  std::ofstream(path / "unit-0.part-2-of-2.safetensors") << "x";
  return path.string();
}

// The second of two ranks. Its first unit has 200 elements, a gap, and 7 elements from 256 on, 320
// in all, of which it has those from 160 on; it has all of the other one.
struct SecondRank {
  made::Opener opener;
  train::TrainingRequest request;
  train::TrainingPlan plan;
  std::unique_ptr<tier::Tier> weights = opener.open<made::MemoryTier>();
  std::unique_ptr<tier::Tier> states = opener.open<made::MemoryTier>();
  device::CpuDevice device{1};
  std::unique_ptr<train::HostUnits> host;

  explicit SecondRank(strata_dtype dtype) {
    request.dtype = request.storage = dtype;
    request.rank = 1;
    request.ranks = 2;
    plan.units = {made::unit_of({{10, 20}, {7}}, dtype), made::unit_of({{5}}, dtype)};
    for (std::size_t u = 0; u < plan.units.size(); ++u) {
      for (std::size_t w = 0; w < plan.units[u].weights.size(); ++w)
        plan.units[u].weights[w].name = "w" + std::to_string(u) + std::to_string(w);
      plan.flats.push_back(train::flat_of(plan.units[u]));
      plan.placement.push_back({.tier = 0});
      plan.weight_bytes += 2 * 4096;
      plan.gradient_bytes += 2 * 4096;
    }
    const std::uint64_t width = dtype.bits / 8;
    const auto all = plan.share(1);
    plan.shares = {{.whole = false,
                    .each = 160,
                    .first = 160,
                    .count = 160,
                    .from = 160 * width,
                    .bytes = 160 * width},
                   all};
    host = std::make_unique<train::HostUnits>(plan, request, *weights, *states, device);
  }
};

}  // namespace

TEST_CASE("rank 0 alone looks at the output, and removes what ranks left that were killed") {
  const test::Folder folder;
  std::deque<std::string> messages;
  MessageGroup first(messages, 0, 2), second(messages, 1, 2);
  const auto output = folder.path() / "out";
  const auto left = left_behind(output);
  check_output(options_of(output), &first);
  CHECK_FALSE(fs::exists(left));
  // The other rank sees a run in its own output, and does not look.
  make(folder.path() / "other", 3);
  check_output(options_of(folder.path() / "other"), &second);
  CHECK(messages.empty());
  CHECK_FALSE(refusal([&] { check_output(options_of(folder.path() / "other"), &first); }).empty());
  CHECK(messages.empty());
}

TEST_CASE("all ranks resume from the checkpoint that rank 0 finds") {
  const test::Folder folder;
  std::deque<std::string> messages;
  MessageGroup first(messages, 0, 2), second(messages, 1, 2);
  const auto output = folder.path() / "out";
  make(output, 3);
  make(output, 12);
  const auto options = options_of(output, "latest");
  const auto found = find_resumed(options, &first);
  REQUIRE(found);
  CHECK(found->path == (output / "checkpoint-12").string());
  CHECK(found->state.run.step == 12);
  // A checkpoint that only the other rank sees is not taken.
  make(output, 20);
  const auto same = find_resumed(options, &second);
  REQUIRE(same);
  CHECK(same->path == found->path);
  CHECK(same->state.run.step == 12);
  CHECK(messages.empty());
}

TEST_CASE("a rank that sees another checkpoint at the path of rank 0's refuses it") {
  const test::Folder folder;
  std::deque<std::string> messages;
  MessageGroup first(messages, 0, 2), second(messages, 1, 2);
  const auto output = folder.path() / "out";
  make(output, 3);
  const auto options = options_of(output, "latest");
  REQUIRE(find_resumed(options, &first));
  fs::remove_all(output / "checkpoint-3");
  write_checkpoint((output / "checkpoint-3").string(), {.step = 3, .updates = 2, .scaler = {}},
                   {{"--lr", 0.1}}, {});
  CHECK(refusal([&] { find_resumed(options, &second); }).find("another checkpoint on this rank") !=
        std::string::npos);
}

TEST_CASE("a group of one rank asks nobody") {
  const test::Folder folder;
  std::deque<std::string> messages;
  MessageGroup alone(messages, 0, 1);
  make(folder.path() / "out", 3);
  const auto options = options_of(folder.path() / "out", "latest");
  check_output(options, &alone);
  REQUIRE(find_resumed(options, &alone));
  CHECK(messages.empty());
}

TEST_CASE("the elements of a piece in a share are counted from the piece's first") {
  const auto elements = [](std::uint64_t first, std::uint64_t count) {
    const auto out = elements_in({.weight = 0, .first = 64, .count = 10, .matrix = false},
                                 {.whole = false, .each = count, .first = first, .count = count});
    return std::pair(out.first, out.count);
  };
  CHECK(elements(0, 64) == std::pair<std::uint64_t, std::uint64_t>(0, 0));
  CHECK(elements(0, 65) == std::pair<std::uint64_t, std::uint64_t>(0, 1));
  CHECK(elements(66, 3) == std::pair<std::uint64_t, std::uint64_t>(2, 3));
  CHECK(elements(70, 64) == std::pair<std::uint64_t, std::uint64_t>(6, 4));
  CHECK(elements(0, 128) == std::pair<std::uint64_t, std::uint64_t>(0, 10));
  CHECK(elements(74, 54) == std::pair<std::uint64_t, std::uint64_t>(0, 0));
}

TEST_CASE("a rank's file of a unit has its share of weights and moments") {
  const SecondRank rank({STRATA_FLOAT, 32, 1});
  const auto& host = *rank.host;
  REQUIRE(rank.plan.flats[0].elements == 320);
  for (const auto array :
       {train::AdamState::master, train::AdamState::moment1, train::AdamState::moment2}) {
    std::vector<float> values(160);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(i + 160) + 1000 * static_cast<float>(array);
    host.write(0, array, 160, values);
  }
  const auto files = checkpoint_files(rank.plan, rank.request, host);
  REQUIRE(files.size() == 2);
  REQUIRE(files[0].part);
  CHECK(part_name(files[0].name, *files[0].part) == "unit-0.part-2-of-2.safetensors");
  CHECK_FALSE(files[1].part);
  CHECK(files[1].name == "unit-1.safetensors");
  const std::vector<std::string> names{"weight/w00",  "weight/w01",  "moment1/w00",
                                       "moment1/w01", "moment2/w00", "moment2/w01"};
  REQUIRE(files[0].tensors.size() == names.size());
  for (std::size_t t = 0; t < names.size(); ++t) {
    const auto& tensor = files[0].tensors[t];
    const bool matrix = t % 2 == 0;
    CAPTURE(t);
    CHECK(tensor.name == names[t]);
    CHECK(tensor.shape ==
          (matrix ? std::vector<std::int64_t>{10, 20} : std::vector<std::int64_t>{7}));
    REQUIRE(tensor.here);
    CHECK(tensor.here->first == (matrix ? 160U : 0U));
    REQUIRE(tensor.here->count == (matrix ? 40U : 7U));
    std::vector<float> values(static_cast<std::size_t>(tensor.here->count));
    tensor.read(0, std::as_writable_bytes(std::span(values)));
    const auto first = static_cast<float>(matrix ? 160 : 256) + 1000 * static_cast<float>(t / 2);
    CHECK(values.front() == first);
    CHECK(values.back() == first + (matrix ? 39 : 6));
  }
}

TEST_CASE("a rank's file of a unit that is bfloat16 alone has its share of these weights") {
  const SecondRank rank({STRATA_BFLOAT, 16, 1});
  auto* held = (*rank.host)[0].weights;
  for (int i = 0; i < 320; ++i) held[i] = static_cast<std::byte>(i % 251);
  const auto files = checkpoint_files(rank.plan, rank.request, *rank.host);
  REQUIRE(files.size() == 2);
  REQUIRE(files[0].part);
  REQUIRE(files[0].tensors.size() == 6);
  const auto &matrix = files[0].tensors[0], &vector = files[0].tensors[1];
  CHECK(matrix.dtype.code == STRATA_BFLOAT);
  // The matrix begins at byte 0 of the form, the vector at 512, and this rank's bytes at 320.
  REQUIRE(matrix.values.size() == 80);
  REQUIRE(vector.values.size() == 14);
  CHECK(matrix.values.front() == std::byte{0});
  CHECK(matrix.values.back() == std::byte{79});
  CHECK(vector.values.front() == std::byte{192});
  CHECK(files[0].tensors[2].here->count == 40);
  CHECK_FALSE(files[1].part);
  CHECK(files[1].tensors[0].values.size() == 10);
}

}  // namespace strata::app
