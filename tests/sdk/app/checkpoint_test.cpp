#include "app/finetune/checkpoint.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "app/finetune/common_state.hpp"
#include "core/error.hpp"
#include "tests/file_text.hpp"
#include "tests/folder.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;
using test::put, test::text_of;

template <class T>
std::span<std::byte> bytes_of(std::vector<T>& values) {
  return std::as_writable_bytes(std::span(values));
}

struct Values {
  std::vector<float> one{1, -2, 0.5F, 3e38F, -0.0F, 7}, two{4, 5};
  std::vector<std::uint8_t> codes{0, 127, 255};
  std::vector<StateFile> files() {
    return {{.name = "unit-0.safetensors",
             .tensors = {{.name = "weight/a", .shape = {2, 3}, .values = bytes_of(one)}}},
            {.name = "unit-1.safetensors",
             .tensors = {{.name = "weight/b", .shape = {2}, .values = bytes_of(two)},
                         {.name = "moment1/b",
                          .shape = {3},
                          .dtype = {STRATA_UINT, 8, 1},
                          .values = bytes_of(codes)}}}};
  }
};

RunState some_run() {
  return {.step = 7,
          .updates = 6,
          .scaler = optim::LossScaler::State{
              .scale = 1024, .step = 7, .last_overflow = -1, .hysteresis = 2}};
}

const Json common{{"--lr", 0.1},
                  {"--lora", 0},
                  {"--init-seed", "none"},
                  {"--model", {{"sha", "m"}}},
                  {"--data", {{"sha", "d"}}}};

// The words of the error; empty if there is none.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string read_refusal(const std::string& path) {
  return refusal([&] {
    Values to;
    read_checkpoint(path, read_state(path), to.files());
  });
}

}  // namespace

TEST_CASE("a checkpoint is read as it was written") {
  const test::Folder folder;
  const auto path = (folder.path() / "checkpoint-7").string();
  Values from, to;
  write_checkpoint(path, some_run(), common, from.files());
  const auto state = read_state(path);
  CHECK(state.run.step == 7);
  CHECK(state.run.updates == 6);
  REQUIRE(state.run.scaler);
  CHECK(state.run.scaler->scale == 1024);
  CHECK(state.run.scaler->last_overflow == -1);
  CHECK(state.run.scaler->hysteresis == 2);
  CHECK(state.common == common);
  to.one.assign(6, 9);
  to.two.assign(2, 9);
  to.codes.assign(3, 9);
  read_checkpoint(path, state, to.files());
  CHECK(to.one == from.one);
  CHECK(std::signbit(to.one[4]));
  CHECK(to.two == from.two);
  CHECK(to.codes == from.codes);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a state says whether a validation is still due behind its step") {
  for (const bool due : {false, true}) {
    auto run = some_run();
    run.unvalidated = due;
    const auto text = state_text({.run = run, .common = common, .files = {}});
    CHECK(parse_state(text, "f").run.unvalidated == due);
    CHECK((text.find("unvalidated") != std::string::npos) == due);
  }
}

TEST_CASE("a checkpoint is read whatever the order of its files") {
  const test::Folder folder;
  const auto path = (folder.path() / "checkpoint-7").string();
  Values from, to;
  auto files = from.files();
  std::ranges::reverse(files);
  write_checkpoint(path, some_run(), common, files);
  to.one.assign(6, 9);
  to.codes.assign(3, 9);
  read_checkpoint(path, read_state(path), to.files());
  CHECK(to.one == from.one);
  CHECK(to.codes == from.codes);
  files = to.files();
  files[1].name = files[0].name;
  CHECK_FALSE(refusal([&] { read_checkpoint(path, read_state(path), files); }).empty());
}

TEST_CASE("the values of a unit are read between two moments") {
  const test::Folder folder;
  const auto path = (folder.path() / "checkpoint-7").string();
  Values from;
  const Values want;
  auto files = from.files();
  files[1].unit = 1;
  std::ranges::fill(from.one, 9);
  std::ranges::fill(from.two, 9);
  std::vector<std::pair<std::string, std::uint32_t>> calls;
  write_checkpoint(path, some_run(), common, files,
                   {.begin =
                        [&](std::uint32_t unit) {
                          calls.emplace_back("begin", unit);
                          std::ranges::copy(want.one, from.one.begin());
                          if (unit == 1) std::ranges::copy(want.two, from.two.begin());
                        },
                    .end =
                        [&](std::uint32_t unit) {
                          calls.emplace_back("end", unit);
                          std::ranges::fill(unit == 0 ? from.one : from.two, 5);
                        }});
  CHECK(calls == std::vector<std::pair<std::string, std::uint32_t>>{
                     {"begin", 0}, {"end", 0}, {"begin", 1}, {"end", 1}});
  Values read;
  read_checkpoint(path, read_state(path), read.files());
  CHECK(read.one == want.one);
  CHECK(read.two == want.two);
}

TEST_CASE("a unit that may not be read leaves no part of a checkpoint") {
  const test::Folder folder;
  Values from;
  const auto fails = [](std::uint32_t) { throw Error("disk", "it is gone", ""); };
  CHECK(refusal([&] {
          write_checkpoint((folder.path() / "checkpoint-7").string(), some_run(), common,
                           from.files(), {.begin = fails});
        }).starts_with("disk"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a checkpoint that is cut at any byte, or has a bit flipped, is refused") {
  const test::Folder folder;
  const auto path = folder.path() / "checkpoint-7";
  Values from;
  write_checkpoint(path.string(), some_run(), common, from.files());
  REQUIRE(read_refusal(path.string()).empty());
  for (const auto* name : {"state.json", "unit-0.safetensors", "unit-1.safetensors"}) {
    const auto whole = text_of(path / name);
    // The last byte of state.json is a line break, without which it is the same.
    const auto end = whole.size() - (whole.back() == '\n' ? 1 : 0);
    for (std::size_t at = 0; at < end; ++at) {
      CAPTURE(name, at);
      put(path / name, whole.substr(0, at));
      CHECK(read_refusal(path.string()).find("checkpoint-7/" + std::string(name)) !=
            std::string::npos);
      auto flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
      put(path / name, flipped);
      CHECK_FALSE(read_refusal(path.string()).empty());
    }
    put(path / name, whole + "x");
    CHECK_FALSE(read_refusal(path.string()).empty());
    fs::remove(path / name);
    CHECK_FALSE(read_refusal(path.string()).empty());
    put(path / name, whole);
  }
  CHECK(read_refusal(path.string()).empty());
}

TEST_CASE("a state that no checkpoint has is refused") {
  const auto good = Json::parse(state_text({.run = some_run(), .common = common, .files = {}}));
  const auto refused = [](const Json& json) {
    return refusal([&] { parse_state(json.dump(), "f"); });
  };
  REQUIRE(refused(good).empty());
  CHECK(refused(Json::array()).find("no checkpoint") != std::string::npos);
  CHECK(refused({{"format", "pt"}}).find("no checkpoint") != std::string::npos);
  auto other = good;
  other["version"] = 2;
  CHECK(refused(other).find("version 2") != std::string::npos);
  // A state whose digest is right is refused for its fields.
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, Json>>{{"step", -1},
                                                 {"step", 1.5},
                                                 {"step", "7"},
                                                 {"step", 5},  // below the updates
                                                 {"updates", nullptr},
                                                 {"loss_scaler", 3},
                                                 {"loss_scaler", {{"scale", 1}}},
                                                 {"unvalidated", false},
                                                 {"unvalidated", 1},
                                                 {"common", Json::array()},
                                                 {"files", 1},
                                                 {"files", {1}},
                                                 {"files", {{{"name", "x"}}}}}) {
    SavedState made{.run = some_run(), .common = common, .files = {}};
    auto text = Json::parse(state_text(made));
    text["state"][key] = value;
    // The writer of state.json makes the digest of anything that it is given.
    CAPTURE(key, value.dump());
    CHECK_FALSE(refused(text).empty());
    text["sha256"] = digest_of_state(text["state"]);
    CHECK(refused(text).find("those that were written") == std::string::npos);
    CHECK_FALSE(refused(text).empty());
  }
}

TEST_CASE("other tensors than the model's are refused") {
  const test::Folder folder;
  const auto path = (folder.path() / "checkpoint-7").string();
  Values from;
  write_checkpoint(path, some_run(), common, from.files());
  const auto state = read_state(path);
  const auto refused = [&](const std::vector<StateFile>& files) {
    return refusal([&] { read_checkpoint(path, state, files); });
  };
  auto files = from.files();
  files[0].tensors[0].name = "weight/c";
  CHECK(refused(files).find("not those of the model") != std::string::npos);
  files = from.files();
  files[0].tensors[0].shape = {3, 2};
  CHECK(refused(files).find("not those of the model") != std::string::npos);
  files = from.files();
  files[1].tensors[1].dtype = {STRATA_INT, 8, 1};
  CHECK(refused(files).find("not those of the model") != std::string::npos);
  files = from.files();
  files.pop_back();
  CHECK(refused(files).find("not those of the model") != std::string::npos);
}

TEST_CASE("values that are read and written in parts are saved as those in memory") {
  const test::Folder folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  std::vector<float> from(1'500'001), to(from.size());  // more than one part
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) * 0.5F;
  StateTensor memory{.name = "weight/a", .shape = {1'500'001}, .values = bytes_of(from)};
  auto parts = memory;
  parts.values = {};
  parts.read = [&](std::uint64_t at, std::span<std::byte> out) {
    std::ranges::copy(bytes_of(from).subspan(at, out.size()), out.begin());
  };
  parts.write = [&](std::uint64_t at, std::span<const std::byte> bytes) {
    std::ranges::copy(bytes, bytes_of(to).subspan(at).begin());
  };
  const std::vector<StateFile> one{{.name = "unit-0.safetensors", .tensors = {memory}}},
      other{{.name = "unit-0.safetensors", .tensors = {parts}}};
  write_checkpoint(path("memory"), some_run(), common, one);
  write_checkpoint(path("parts"), some_run(), common, other);
  for (const auto* name : {"unit-0.safetensors", "state.json"})
    CHECK((text_of(path("memory") + "/" + name) == text_of(path("parts") + "/" + name)));
  read_checkpoint(path("memory"), read_state(path("memory")), other);
  CHECK((to == from));
}

TEST_CASE("what a run does not have in common with a checkpoint is named") {
  const auto refused = [](const Json& own) {
    return refusal([&] { need_common(common, own, "out/checkpoint-7"); });
  };
  CHECK(refused(common).empty());
  for (const auto& [key, value] : common.items()) {
    auto own = common;
    own[key] = 3;
    CAPTURE(key);
    CHECK(refused(own).starts_with(key));
    own.erase(key);
    own["--new"] = 1;
    if (key == "--lr") CHECK(refused(own).starts_with("--new"));
  }
  // A run of adapters knows more of the same model.
  auto adapters = common;
  adapters["--lora"] = 8;
  adapters["--model"] = 3;
  CHECK(refused(adapters).starts_with("--lora: 8 here, 0 in"));
  // Steps of as many micro-batches are the same on any number of ranks.
  auto steps = common;
  steps["--gradient-accumulation-steps"] = 8;
  auto saved = common;
  saved["--gradient-accumulation-steps"] = 4;
  CHECK(refusal([&] {
          need_common(saved, steps, "out/checkpoint-7");
        }).starts_with("--gradient-accumulation-steps: times the ranks it is 8 here, 4 in out"));
}

}  // namespace strata::app
