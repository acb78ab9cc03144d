#include "host/check/elf.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "core/error.hpp"

using namespace strata::check;

namespace {

// The one that calls abort, so it needs the C library.
std::vector<char> library() {
  std::ifstream in(STRATA_FAKE_PLUGINS "/strata-offload-crashes.so", std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

Elf read(const std::vector<char>& bytes) { return read_elf(std::as_bytes(std::span(bytes)), "x"); }

}  // namespace

TEST_CASE("a library's exports, dependencies and versions are read", "[host][check]") {
  const auto elf = read(library());
  CHECK(elf.exported == std::vector<std::string>{"strata_plugin_v1"});
  CHECK(std::find(elf.needed.begin(), elf.needed.end(), "libc.so.6") != elf.needed.end());
  CHECK_THAT(highest(elf.versions, "GLIBC_"), Catch::StartsWith("GLIBC_2."));
}

TEST_CASE("versions are compared by their numbers", "[host][check]") {
  CHECK(highest({"GLIBC_2.9", "GLIBC_2.34", "GLIBCXX_3.4.30", "GLIBC_2.4"}, "GLIBC_") ==
        "GLIBC_2.34");
  CHECK(highest({"GLIBC_2.9"}, "GLIBCXX_").empty());
}

TEST_CASE("a plugin needs no library but the runtimes", "[host][check]") {
  CHECK(foreign_library("libc.so.6").empty());
  CHECK(foreign_library("libcudart.so.13").empty());
  CHECK_FALSE(foreign_library("libtorch.so").empty());
  CHECK_FALSE(foreign_library("libc10.so").empty());
}

TEST_CASE("a library cut short or with bent bytes is refused, never misread past its end",
          "[host][check]") {
  const auto whole = library();
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 8) {
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_THROWS_AS(read(cut), strata::Error);
  }
  // Every byte of the file's header and of the section headers at its end, one at a time.
  const auto bend = [&](std::size_t at) {
    auto bent = whole;
    bent[at] = static_cast<char>(0xff);
    try {
      read(bent);
    } catch (const strata::Error&) {
    }
  };
  for (std::size_t at = 0; at < 64; ++at) bend(at);
  for (std::size_t at = whole.size() - std::min<std::size_t>(whole.size(), 2048); at < whole.size();
       ++at)
    bend(at);
  SUCCEED();
}
