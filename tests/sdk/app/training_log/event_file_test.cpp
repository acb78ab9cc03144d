#include "app/training_log/event_file.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "core/error.hpp"
#include "tests/folder.hpp"

namespace {

using namespace strata;
using namespace strata::training_log;
namespace fs = std::filesystem;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("a new event file sorts behind those of its folder", "[app][training_log]") {
  const test::Folder folder;
  const auto inner = folder.path() / "a" / "b";
  const EventFile first(inner), second(inner, 4);
  REQUIRE(names_in(inner).size() == 2);
  // It does so too where another machine's clock was ahead.
  const std::string ahead = "events.out.tfevents.4000000000.other.1";
  std::ofstream(inner / ahead).put('x');
  const auto before = names_in(inner);
  const EventFile third(inner, 5);
  for (const auto& name : names_in(inner))
    if (!before.contains(name)) CHECK(name > ahead);
  CHECK(names_in(inner).size() == 4);
}

TEST_CASE("the first record says which version of the format follows", "[app][training_log]") {
  const test::Folder folder;
  const EventFile file(folder.path());
  std::ifstream in(folder.path() / *names_in(folder.path()).begin(), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  // wall_time (9 bytes), step (2), file_version (2 and its 13 letters); 12 bytes before, 4 behind.
  REQUIRE(bytes.size() == 12 + 26 + 4);
  CHECK(bytes.substr(0, 8) == std::string("\x1a\0\0\0\0\0\0\0", 8));
  CHECK(bytes.substr(12 + 13, 13) == "brain.Event:2");
}

TEST_CASE("a folder that cannot be is an error that names it", "[app][training_log]") {
  const test::Folder folder;
  const auto file = folder.write("file", "");
  CHECK_THROWS_WITH(EventFile(file / "events"), Catch::Contains("file/events"));
}
