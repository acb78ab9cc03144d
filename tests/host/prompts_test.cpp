#include "host/commands/prompts.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/size_text.hpp"
#include "tests/folder.hpp"

using namespace strata;
using app::Log;

TEST_CASE("a prompt file has one prompt a line, and blank lines are none", "[host][prompts]") {
  const test::Folder folder;
  const auto file = folder.write("p.txt", "one\n\ntwo\r\n\r\n three\n").string();
  CHECK(host::prompt_lines(file, Log()) == std::vector<std::string>{"one", "two", " three"});
  const auto blank = folder.write("b.txt", "\n\n").string();
  CHECK_THROWS_WITH(host::prompt_lines(blank, Log()), Catch::Contains("is empty"));
}

TEST_CASE("a prompt file can be one prompt with its lines", "[host][prompts]") {
  const test::Folder folder;
  CHECK(host::prompt_file_text(folder.write("p.txt", "a\n\nb\n").string()) == "a\n\nb");
  CHECK_THROWS_WITH(host::prompt_file_text(folder.write("e.txt", "\n").string()),
                    Catch::Contains("the prompt is empty"));
}

TEST_CASE("a device that never ends is no prompt file", "[host][prompts]") {
  CHECK_THROWS_WITH(host::prompt_lines("/dev/zero", Log()),
                    "/dev/zero: has more than 64 MiB of text: give a smaller text file");
}

TEST_CASE("sizes are read in units", "[core][size]") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(1023) == "1023 B");
  CHECK(size_text(1536) == "1.50 KiB");
  CHECK(size_text(std::uint64_t{134} << 20) == "134 MiB");
  CHECK(size_text((std::uint64_t{1} << 30) - 1) == "1.00 GiB");
  CHECK(size_text(~std::uint64_t{0}) == "16.0 EiB");
}
