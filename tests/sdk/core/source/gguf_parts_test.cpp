#include "core/source/gguf_parts.hpp"

#include <catch2/catch.hpp>

#include "core/source/checkpoint.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

const auto fetch = ": fetch all parts of one model into one folder";

// A part with one F32 tensor, of eight elements.
made::Gguf part(std::uint32_t no, std::uint32_t count, const std::string& tensor) {
  made::Gguf out;
  out.u32("split.no", no).u32("split.count", count).tensor(tensor, {8}, 0, 0);
  return out;
}
made::Gguf first(std::uint32_t count) {
  return part(0, count, "a").text("general.architecture", "toy").u32("split.tensors.count", 3);
}

source::GgufMappings mappings() {
  return source::gguf_mappings(
      parse_json(
          R"({"toy":{"model_type":"toy","config":{"there":{"present":"c"}},"names":{"A":"a","C":"c"}}})",
          "manifest.json"),
      "manifest.json");
}

// The three parts of a model, of which `changed` is another file, or missing where that is "".
void fill(const made::Folder& out, const std::string& changed = "", const std::string& bytes = "") {
  const std::pair<std::string, std::string> files[] = {
      {"m-00001-of-00003.gguf", first(3).file(32)},
      {"m-00002-of-00003.gguf", part(1, 3, "b").file(32)},
      {"m-00003-of-00003.gguf", part(2, 3, "c").file(32)}};
  for (const auto& [name, file] : files)
    if (name != changed)
      out.write(name, file);
    else if (!bytes.empty())
      out.write(name, bytes);
}

}  // namespace

TEST_CASE("a part's name says which it is and where the others are", "[source][gguf]") {
  const auto name = source::part_name("d/m-00002-of-00012.gguf");
  REQUIRE(name);
  REQUIRE(name->prefix == "d/m");
  REQUIRE(name->number == 2);
  REQUIRE(name->path(11) == "d/m-00011-of-00012.gguf");
  for (const auto* none :
       {"m.gguf", "-00001-of-00001.gguf", "m-0001-of-0002.gguf", "m-00003-of-00002.gguf",
        "m-00000-of-00002.gguf", "m-0000x-of-00002.gguf"})
    REQUIRE_FALSE(source::part_name(none));
}

TEST_CASE("a split GGUF is one model, whichever part or its folder is named", "[source][gguf]") {
  const made::Folder folder;
  fill(folder);
  for (const auto* name : {"m-00001-of-00003.gguf", "m-00003-of-00003.gguf", ""}) {
    const auto checkpoint = source::Checkpoint::open(folder.path(name), mappings());
    REQUIRE(checkpoint.kind() == source::Kind::gguf);
    REQUIRE(checkpoint.files().size() == 3);
    REQUIRE(checkpoint.find("A")->stored.file().file == 0);
    REQUIRE(checkpoint.find("b")->stored.file().file == 1);
    REQUIRE(checkpoint.find("C")->stored.file().file == 2);
    REQUIRE_THAT(checkpoint.config(), Catch::Contains("\"there\": true"));
  }
}

TEST_CASE("parts that are missing or of another model are named", "[source][gguf]") {
  struct Row {
    std::string what, changed, bytes, line;
  };
  const std::string second = "m-00002-of-00003.gguf", third = "m-00003-of-00003.gguf";
  const auto row = GENERATE_COPY(values<Row>({
      {"missing", second, "",
       "DIR/m-00001-of-00003.gguf: of 3 parts are missing: m-00002-of-00003.gguf: fetch them into "
       "the same folder"},
      {"of another count", second, part(1, 4, "b").file(32),
       "DIR/m-00002-of-00003.gguf: is not part 2 of 3 of this model, but part 2 of 4" +
           std::string(fetch)},
      {"in another's place", third, part(1, 3, "b").file(32),
       "DIR/m-00003-of-00003.gguf: is not part 3 of 3 of this model, but part 2 of 3" +
           std::string(fetch)},
      {"a whole model", third, made::Gguf().tensor("c", {8}, 0, 0).file(32),
       "DIR/m-00003-of-00003.gguf: is not part 3 of 3 of this model, but a whole model" +
           std::string(fetch)},
      {"another architecture", third, part(2, 3, "c").text("general.architecture", "else").file(32),
       "DIR/m-00003-of-00003.gguf: is of another architecture than m-00001-of-00003.gguf" +
           std::string(fetch)},
      {"a tensor twice", third, part(2, 3, "b").file(32),
       "DIR/m-00003-of-00003.gguf: tensor 'b' is also in m-00002-of-00003.gguf" +
           std::string(fetch)},
      {"more tensors", third, part(2, 3, "c").tensor("d", {8}, 0, 32).file(64),
       "DIR/m-00001-of-00003.gguf: the parts hold 4 tensors together, not 3" + std::string(fetch)},
  }));
  INFO(row.what);
  const made::Folder folder;
  fill(folder, row.changed, row.bytes);
  REQUIRE(made::refusal(folder, [&] {
            source::Checkpoint::open(folder.path("m-00001-of-00003.gguf"), mappings());
          }) == row.line);
}

TEST_CASE("a part under another part's name is refused", "[source][gguf]") {
  const made::Folder folder;
  const auto path = folder.write("m-00002-of-00003.gguf", first(3).file(32));
  REQUIRE(
      made::refusal(folder, [&] { source::read_gguf_parts(path); }) ==
      "DIR/m-00002-of-00003.gguf: is part 1 of 3 by its metadata, but not by its name: give the "
      "parts the names that they were made with");
}
