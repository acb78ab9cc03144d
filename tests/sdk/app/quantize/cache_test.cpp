#include "app/quantize/cache.hpp"

#include <sys/file.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "core/source/unfinished.hpp"
#include "tests/folder.hpp"

using namespace strata;
using app::QuantCache;
using test::Folder;

namespace fs = std::filesystem;

namespace {

source::Checkpoint model_in(const std::string& folder) {
  return source::Checkpoint::of_config(folder, "{}", folder + "/config.json");
}

// 64 hex digits.
std::string digest(char digit) { return std::string(64, digit); }

void write(const std::string& path) { std::ofstream(path) << "weights"; }

std::size_t count(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a file is found by the model and by what it is made from", "[app][quantize]") {
  const Folder folder;
  const auto place = (folder.path() / "cache").string();
  QuantCache cache(place, model_in((folder.path() / "a").string()), digest('1'));
  CHECK_FALSE(cache.find());
  write(cache.path_to_write());
  const auto found = cache.find();
  REQUIRE(found);
  CHECK(found->size() == 7);
  CHECK_FALSE(QuantCache(place, model_in((folder.path() / "a").string()), digest('2')).find());
  CHECK_FALSE(QuantCache(place, model_in((folder.path() / "b").string()), digest('1')).find());
  cache.drop();
  CHECK_FALSE(cache.find());
}

TEST_CASE("the folder beside the model is the first choice", "[app][quantize]") {
  const Folder folder;
  const auto model = (folder.path() / "model").string();
  fs::create_directory(model);
  QuantCache cache("", model_in(model), digest('1'));
  CHECK(cache.path_to_write().starts_with(model + "/.strata-quant/"));
  CHECK_FALSE(cache.off());
  CHECK(QuantCache("off", model_in(model), digest('1')).off());
}

TEST_CASE("the longest unused files go, but none that is in use", "[app][quantize]") {
  const Folder folder;
  const auto place = (folder.path() / "cache").string(), model = (folder.path() / "model").string();
  const auto now = fs::file_time_type::clock::now();
  std::vector<std::string> paths;
  for (int i = 0; i < 7; ++i) {
    QuantCache one(place, model_in(model), digest(static_cast<char>('0' + i)));
    paths.push_back(one.path_to_write());
    write(paths.back());
    fs::last_write_time(paths.back(), now - std::chrono::hours(10 - i));
  }
  write(place + "/other.safetensors");
  write(place + "/other.safetensors.part-999999999");
  const auto in_use = source::File::open(paths[1]);
  REQUIRE(::flock(in_use->descriptor(), LOCK_SH) == 0);
  QuantCache(place, model_in(model), digest('9')).tidy();
  CHECK_FALSE(fs::exists(paths[0]));
  CHECK(fs::exists(paths[1]));  // some process has it
  CHECK_FALSE(fs::exists(paths[2]));
  CHECK_FALSE(fs::exists(paths[3]));
  for (int i = 4; i < 7; ++i) CHECK(fs::exists(paths[static_cast<std::size_t>(i)]));
  CHECK(fs::exists(place + "/other.safetensors"));
  CHECK_FALSE(fs::exists(place + "/other.safetensors.part-999999999"));
  CHECK(count(place) == 5);
}
