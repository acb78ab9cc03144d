#include "core/source/output.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "core/source/unfinished.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

TEST_CASE("a folder that is removed while the program ends does not appear", "[source][output]") {
  const made::Folder folder;
  const auto path = folder.path("made"), temporary = source::temporary_name(path);
  source::OutputFolder out(path);
  source::write_whole(out.file("first"), "1");
  source::remove_unfinished();
  REQUIRE_FALSE(std::filesystem::exists(temporary));
  // The thread that writes it does not know, and goes on.
  std::filesystem::create_directory(temporary);
  source::write_whole(out.file("second"), "2");
  REQUIRE_THROWS_WITH(out.appear(), Catch::Contains("the program ends"));
  CHECK_FALSE(std::filesystem::exists(path));
}
