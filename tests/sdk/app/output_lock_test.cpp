#include "app/finetune/output_lock.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

#include "core/error.hpp"
#include "core/source/unfinished.hpp"
#include "tests/folder.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a second run is refused with the process of the first one", "[app][finetune]") {
  const test::Folder folder;
  const auto output = (folder.path() / "out").string();
  std::optional<OutputLock> first(std::in_place, output, Log());
  CHECK_THROWS_WITH(OutputLock(output, Log()),
                    Catch::Contains("process " + std::to_string(::getpid()) + " on ") &&
                        Catch::Contains("another --output"));
  fs::create_directory_symlink("out", folder.path() / "link");
  CHECK_THROWS_WITH(OutputLock((folder.path() / "link/").string(), Log()),
                    Catch::Contains("trains into it"));
  CHECK(fs::exists(fs::path(output) / lock_name));
  first.reset();
  CHECK_FALSE(fs::exists(output));
  const OutputLock second(output, Log());
}

TEST_CASE("a lock leaves the files of its folder, and a folder that was there", "[app][finetune]") {
  const test::Folder folder;
  fs::create_directory(folder.path() / "there");
  { const OutputLock lock((folder.path() / "there").string(), Log()); }
  CHECK(fs::is_empty(folder.path() / "there"));
  {
    const OutputLock lock((folder.path() / "made").string(), Log());
    folder.write("made/file", "x");
  }
  CHECK(fs::exists(folder.path() / "made/file"));
  CHECK_FALSE(fs::exists(folder.path() / "made" / lock_name));
}

TEST_CASE("the file of a run that was killed locks nothing", "[app][finetune]") {
  const test::Folder folder;
  folder.write(std::string(lock_name), "process 1 on elsewhere\n");
  { const OutputLock lock(folder.path().string(), Log()); }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("the end of the program removes the lock, and its folder if nothing else is there",
          "[app][finetune]") {
  const test::Folder folder;
  for (const bool empty : {true, false}) {
    const auto output = folder.path() / (empty ? "empty" : "full");
    const OutputLock lock(output.string(), Log());
    if (!empty) folder.write("full/file", "x");
    source::remove_unfinished();
    CHECK_FALSE(fs::exists(output / lock_name));
    CHECK(fs::exists(output) != empty);
  }
  CHECK(fs::exists(folder.path() / "full/file"));
}

TEST_CASE("an output that is a file or cannot be made is refused", "[app][finetune]") {
  const test::Folder folder;
  const auto file = folder.write("file", "x").string();
  CHECK_THROWS_WITH(OutputLock(file, Log()), Catch::Contains("is a file"));
  CHECK_THROWS_WITH(OutputLock(file + "/out", Log()), Catch::Contains("another folder"));
}

}  // namespace
}  // namespace strata::app
