#include "core/source/gguf.hpp"

#include <catch2/catch.hpp>

#include "core/json.hpp"
#include "core/source/ggml_types.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

std::string refused(const std::string& bytes) {
  const made::Folder folder;
  const auto path = folder.write("x.gguf", bytes);
  return made::refusal(folder, [&] { source::read_gguf(*source::File::open(path), 0); });
}

// A value as the gguf package's JSON has it.
Json json_of(const source::GgufValue& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

}  // namespace

TEST_CASE("metadata and tensors are what the gguf package reads", "[source][gguf]") {
  const made::Folder folder;
  made::python("make_gguf.py", {folder.path()});
  const auto all = parse_json(made::read(folder.path("expected.json")), "expected");
  for (const auto& [path, expected] : all.items()) {
    INFO(path);
    const auto file = source::read_gguf(*source::File::open(path), 5);
    REQUIRE(file.metadata.size() == expected["metadata"].size());
    for (const auto& [key, value] : expected["metadata"].items()) {
      INFO(key);
      REQUIRE(file.find(key));
      CHECK(json_of(*file.find(key)) == value);
    }
    REQUIRE(file.tensors.size() == expected["tensors"].size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      const auto& tensor = file.tensors[i];
      const auto& wanted = expected["tensors"][i];
      CHECK(tensor.name == wanted["name"]);
      CHECK(tensor.shape == wanted["shape"].get<std::vector<std::int64_t>>());
      CHECK(tensor.stored.scheme == wanted["scheme"]);
      CHECK(tensor.stored.file().offset == wanted["offset"]);
      CHECK(tensor.stored.file().bytes == wanted["bytes"]);
      CHECK(tensor.stored.file().file == 5);
    }
  }
}

TEST_CASE("every element type has the gguf package's block", "[source][gguf]") {
  const made::Folder folder;
  made::python("ggml_types.py", {folder.path("types.json")});
  const auto types = parse_json(made::read(folder.path("types.json")), "types");
  REQUIRE(types.size() > 30);
  for (const auto& [id, wanted] : types.items()) {
    INFO(id);
    const auto* type = source::ggml_type(static_cast<std::uint32_t>(std::stoul(id)));
    REQUIRE(type);
    CHECK(type->name == wanted["name"].get<std::string>());
    CHECK(type->block_elements == wanted["elements"]);
    CHECK(type->block_bytes == wanted["bytes"]);
  }
}

TEST_CASE("a broken GGUF file is refused with one line", "[source][gguf]") {
  using made::bytes, made::sized;
  struct Row {
    std::string what, bytes, line;
  };
  const auto gguf = [] { return made::Gguf(); };
  const std::string damaged = ": the file is damaged; fetch it again";
  const std::string cut = ": the file is cut short; fetch it again";
  const std::string again = ": convert the model again with a current converter";
  const std::uint64_t huge = 1ull << 62;
  const std::string full = gguf().text("a", "b").tensor("t", {8}, 0, 0).file(32);
  const auto row = GENERATE_COPY(values<Row>({
      {"empty", "", "DIR/x.gguf: is not a GGUF file: check the path"},
      {"other magic", "GGML" + std::string(60, '\0'),
       "DIR/x.gguf: is not a GGUF file: check the path"},
      {"version cut", "GGUF", "DIR/x.gguf: ends inside the version" + cut},
      {"version 1", made::Gguf(1).file(0), "DIR/x.gguf: has GGUF version 1, not 2 or 3" + again},
      {"version 4", made::Gguf(4).file(0), "DIR/x.gguf: has GGUF version 4, not 2 or 3" + again},
      {"big-endian", made::Gguf(0x03000000).file(0),
       "DIR/x.gguf: is a big-endian GGUF file: use a little-endian one"},
      {"count of tensors over the limit", gguf().counts(huge, 0).file(0),
       "DIR/x.gguf: the count of tensors is 4611686018427387904, over the limit of 1048576" +
           damaged},
      {"count of tensors over the file", gguf().counts(1000, 0).file(0),
       "DIR/x.gguf: the count of tensors is 1000, more than the file holds" + cut},
      {"count of keys over the limit", gguf().counts(0, huge).file(0),
       "DIR/x.gguf: the count of metadata keys is 4611686018427387904, over the limit of 1048576" +
           damaged},
      {"count of keys over the file", gguf().counts(0, 1000).file(0),
       "DIR/x.gguf: the count of metadata keys is 1000, more than the file holds" + cut},
      {"long key", gguf().raw(std::string(65536, 'k'), 7, std::string(1, '\1')).file(0),
       "DIR/x.gguf: the length of a metadata key is 65536, over the limit of 65535" + damaged},
      {"long text", gguf().raw("a", 8, bytes(huge)).file(0),
       "DIR/x.gguf: the length of metadata 'a' is 4611686018427387904, over the limit of 16777216" +
           damaged},
      {"text cut", gguf().raw("a", 8, bytes(std::uint64_t{500})).file(0),
       "DIR/x.gguf: the length of metadata 'a' is 500, more than the file holds" + cut},
      {"key twice", gguf().u32("a", 1).u32("a", 1).file(0),
       "DIR/x.gguf: metadata 'a' occurs twice" + damaged},
      {"key with a line break", gguf().u32("a\nb", 1).u32("a\nb", 1).file(0),
       "DIR/x.gguf: metadata 'a\\x0ab' occurs twice" + damaged},
      {"unknown type", gguf().raw("a", 13, "0000").file(0),
       "DIR/x.gguf: metadata 'a' has an unknown type 13" + damaged},
      {"flag of 2", gguf().raw("a", 7, "\2").file(0),
       "DIR/x.gguf: metadata 'a' is a flag of neither 0 nor 1" + damaged},
      {"list of unknown type", gguf().raw("a", 9, bytes(99u) + bytes(std::uint64_t{1})).file(0),
       "DIR/x.gguf: metadata 'a' has an unknown type 99" + damaged},
      {"list of lists", gguf().raw("a", 9, bytes(9u) + bytes(std::uint64_t{1})).file(0),
       "DIR/x.gguf: metadata 'a' is a list of lists" + damaged},
      {"list over the limit", gguf().raw("a", 9, bytes(0u) + bytes(huge)).file(0),
       "DIR/x.gguf: the count of metadata 'a' is 4611686018427387904, over the limit of 16777216" +
           damaged},
      {"list over the file", gguf().raw("a", 9, bytes(4u) + bytes(std::uint64_t{50})).file(0),
       "DIR/x.gguf: the count of metadata 'a' is 50, more than the file holds" + cut},
      {"alignment 0", gguf().u32("general.alignment", 0).file(0),
       "DIR/x.gguf: general.alignment is 0, not a power of two" + damaged},
      {"alignment 24", gguf().u32("general.alignment", 24).file(0),
       "DIR/x.gguf: general.alignment is 24, not a power of two" + damaged},
      {"alignment a text", gguf().text("general.alignment", "x").file(0),
       "DIR/x.gguf: metadata 'general.alignment' is not an integer"
       ": convert the model again"},
      {"no dimension", gguf().tensor("t", {}, 0, 0).file(32),
       "DIR/x.gguf: tensor 't' has 0 dimensions, not 1 to 4" + damaged},
      {"five dimensions", gguf().tensor("t", {1, 1, 1, 1, 1}, 0, 0).file(32),
       "DIR/x.gguf: tensor 't' has 5 dimensions, not 1 to 4" + damaged},
      {"dimension of 0", gguf().tensor("t", {4, 0}, 0, 0).file(32),
       "DIR/x.gguf: tensor 't' has a dimension of 0" + damaged},
      {"shape that overflows", gguf().tensor("t", {huge, huge}, 0, 0).file(32),
       "DIR/x.gguf: tensor 't' has a shape too large to hold" + damaged},
      {"dimension above 2^63", gguf().tensor("t", {~0ull}, 0, 0).file(32),
       "DIR/x.gguf: tensor 't' has a shape too large to hold" + damaged},
      {"unknown element type", gguf().tensor("t", {8}, 99, 0).file(32),
       "DIR/x.gguf: tensor 't' has an unknown type 99" + damaged},
      {"element type without a codec", gguf().tensor("x", {256}, 15, 0).file(256),
       "DIR/x.gguf: type Q8_K of tensor 'x' is not supported: use a file of another "
       "quantization, such as Q4_K or Q8_0"},
      {"half a block a row", gguf().tensor("t", {48, 2}, 3, 0).file(64),
       "DIR/x.gguf: tensor 't' has rows of 48 elements, not whole blocks of Q4_1" + damaged},
      {"misaligned", gguf().tensor("t", {8}, 0, 4).file(64),
       "DIR/x.gguf: tensor 't' begins at 4, not a multiple of 32" + damaged},
      {"name twice", gguf().tensor("t", {8}, 0, 0).tensor("t", {8}, 0, 32).file(64),
       "DIR/x.gguf: tensor 't' occurs twice" + damaged},
      {"overlap", gguf().tensor("t", {16}, 0, 0).tensor("u", {8}, 0, 32).file(96),
       "DIR/x.gguf: tensor 'u' overlaps the tensor before it" + damaged},
      {"hole", gguf().tensor("t", {8}, 0, 0).tensor("u", {8}, 0, 96).file(128),
       "DIR/x.gguf: tensor 'u' begins after a hole of 64 bytes" + damaged},
      {"hostile offset", gguf().tensor("t", {8}, 0, ~31ull).file(32),
       "DIR/x.gguf: tensor 't' begins after a hole of 18446744073709551584 bytes" + damaged},
      {"data cut", full.substr(0, full.size() - 1),
       "DIR/x.gguf: tensor 't' ends beyond the file's 127 bytes" + cut},
      {"infos cut", full.substr(0, 75), "DIR/x.gguf: ends inside tensor 't'" + cut},
  }));
  INFO(row.what);
  REQUIRE(refused(row.bytes) == row.line);
}

TEST_CASE("a GGUF file cut anywhere in its header is refused", "[source][gguf]") {
  const auto full = made::Gguf().text("a", "b").u32("c", 3).tensor("t", {8}, 0, 0).file(32);
  for (std::size_t length = 0; length < full.size(); ++length) {
    INFO(length);
    REQUIRE(refused(full.substr(0, length)) != "");
  }
  REQUIRE(refused(full) == "");
}
