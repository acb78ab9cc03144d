#include "app/earlier_file.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "app/trace.hpp"
#include "app/training_log/page.hpp"
#include "core/error.hpp"
#include "tests/folder.hpp"

using namespace strata;
using namespace strata::app;
using Catch::Contains;
namespace fs = std::filesystem;

TEST_CASE("only a file of an earlier run is replaced", "[app]") {
  const test::Folder folder;
  const auto place = [&](const char* name) { return (folder.path() / name).string(); };
  const auto need = [](const std::string& path) { need_earlier_file("--html", path, "<begin>"); };
  CHECK_NOTHROW(need(""));
  CHECK_NOTHROW(need(place("new")));
  CHECK_NOTHROW(need(folder.write("empty", "").string()));
  CHECK_NOTHROW(need(folder.write("ours", "<begin> and more").string()));
  for (const auto* text : {"<begi", "data", " <begin>"}) {
    const auto path = folder.write("theirs", text).string();
    CHECK_THROWS_WITH(need(path), Contains("--html: " + path + " is a file that no earlier run"));
  }
  fs::create_symlink(place("theirs"), place("link"));
  CHECK_THROWS_AS(need(place("link")), UsageError);
}

TEST_CASE("a trace and a page begin as the check for them says", "[app]") {
  const test::Folder folder;
  const auto trace = (folder.path() / "trace.json").string(),
             page = (folder.path() / "page.html").string();
  write_trace(trace, std::span<const zero::Span>(), {});
  CHECK_NOTHROW(need_trace_place(trace));
  training_log::write_page(page, {});
  CHECK_NOTHROW(need_earlier_file("--html", page, training_log::page_beginning));
  CHECK(training_log::page_beginning.size() > 60);
  // Neither is the other.
  CHECK_THROWS_WITH(need_trace_place(page), Contains("--trace: "));
  CHECK_THROWS_AS(need_earlier_file("--html", trace, training_log::page_beginning), UsageError);
}

TEST_CASE("two options do not have one file", "[app]") {
  const test::Folder folder;
  const auto name = (folder.path() / "a").string(), other = (folder.path() / "b").string(),
             around = (folder.path() / "." / "a").string(), none = std::string();
  CHECK_NOTHROW(need_own_files({{"--log", name}, {"--html", other}, {"--trace", none}}));
  CHECK_NOTHROW(need_own_files({{"--log", none}, {"--html", none}}));
  CHECK_THROWS_WITH(need_own_files({{"--log", name}, {"--html", none}, {"--trace", around}}),
                    Contains("--trace: ") && Contains("is the file of --log"));
  folder.write("a", "");
  fs::create_symlink(name, other);
  CHECK_THROWS_AS(need_own_files({{"--log", name}, {"--html", other}}), UsageError);
}
