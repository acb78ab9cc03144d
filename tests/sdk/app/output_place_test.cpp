#include "app/output_place.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "app/write_result.hpp"
#include "core/error.hpp"
#include "core/source/output.hpp"
#include "tests/file_text.hpp"
#include "tests/folder.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::text_of;

// Writes a folder of two files and one in a folder, as an import does.
void write_made(const std::string& folder) {
  source::OutputFolder out(folder);
  for (const auto* name : {"config.json", "model.safetensors", "more/one.jinja"})
    source::write_whole(out.file(name), name);
  out.appear();
}

std::size_t entries_of(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST_CASE("a result's place is tried where the result will be, and nothing is left of the trial",
          "[app]") {
  const test::Folder folder;
  const auto path = folder.path();
  fs::create_directory(path / "there");
  fs::create_directory_symlink("there", path / "link");
  for (const auto* name : {"there", "link", "link/", "new", "new/"}) {
    need_folder_place((path / name).string());
    CHECK(fs::is_empty(path / "there"));
    CHECK(entries_of(path) == 2);
  }
  need_folder_place((path / "above/new").string());
  CHECK(fs::is_empty(path / "above"));
}

TEST_CASE("a place that holds no result is refused in one line", "[app]") {
  const test::Folder folder;
  const auto path = folder.path();
  folder.write("file", "x");
  fs::create_directory_symlink("nowhere", path / "dangling");
  CHECK_THROWS_WITH(need_folder_place((path / "file").string()), Contains("is a file"));
  CHECK_THROWS_WITH(need_folder_place((path / "file/new").string()), Contains("another folder"));
  CHECK_THROWS_WITH(need_folder_place((path / "dangling").string()),
                    Contains("a link to a folder that is not there"));
  CHECK_THROWS_WITH(need_folder_place((path / "dangling/").string()),
                    Contains("a link to a folder that is not there"));
  CHECK_THROWS_WITH(need_folder_place(path.string()), Contains("not empty"));
}

TEST_CASE("a result is written through a link and into a folder that is there", "[app]") {
  const test::Folder folder;
  const auto path = folder.path();
  fs::create_directory(path / "there");
  fs::create_directory_symlink("there", path / "link");
  for (const auto* name : {"new", "link"}) {
    write_result((path / name).string(), "config.json", write_made);
    CHECK(text_of(path / name / "config.json") == "config.json");
    CHECK(text_of(path / name / "more/one.jinja") == "more/one.jinja");
    CHECK(entries_of(path / name) == 3);
  }
  CHECK(fs::is_symlink(path / "link"));
  CHECK(entries_of(path) == 3);
}

TEST_CASE("a result that cannot be written leaves a folder as it was", "[app]") {
  const test::Folder folder;
  const auto path = folder.path();
  CHECK_THROWS_WITH(write_result(path.string(), "config.json",
                                 [](const std::string& to) {
                                   const source::OutputFolder out(to);
                                   throw Error("disk", "full", "");
                                 }),
                    Contains("full"));
  CHECK(fs::is_empty(path));
}

}  // namespace
}  // namespace strata::app
