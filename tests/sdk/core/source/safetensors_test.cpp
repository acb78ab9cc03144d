#include "core/source/safetensors.hpp"

#include <catch2/catch.hpp>

#include "core/json.hpp"
#include "core/source/checkpoint.hpp"
#include "tests/sdk/core/source/expected.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

std::string refused(const std::string& bytes) {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const auto path = folder.write("x.safetensors", bytes);
  return made::refusal(folder, [&] { source::Checkpoint::open(path); });
}

}  // namespace

TEST_CASE("tensors lie where the safetensors package put them", "[source][safetensors]") {
  const made::Folder folder;
  made::python("make_safetensors.py", {folder.path()});
  const auto expected = parse_json(made::read(folder.path("expected.json")), "expected");
  made::check_equal(source::Checkpoint::open(folder.path("one/model.safetensors")), expected);
  made::check_equal(source::Checkpoint::open(folder.path("one")), expected);
  const auto sharded = source::Checkpoint::open(folder.path("three"));
  REQUIRE(sharded.files().size() == 3);
  made::check_equal(sharded, expected);
}

TEST_CASE("a broken safetensors file is refused with one line", "[source][safetensors]") {
  struct Row {
    std::string what, bytes, line;
  };
  const auto two = [](const std::string& second) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":)" + second + "}";
  };
  const auto one = [](const std::string& body) { return R"({"a":{)" + body + "}}"; };
  const std::string damaged = ": the file is damaged; fetch it again";
  const std::string cut = ": the file is cut short; fetch it again";
  const auto row = GENERATE_COPY(values<Row>({
      {"empty", "", "DIR/x.safetensors: has 0 bytes, no header" + cut},
      {"length beyond the file", made::bytes(std::uint64_t{99}) + "{}",
       "DIR/x.safetensors: header of 99 bytes ends beyond the file" + cut},
      {"length over the limit", made::bytes(~std::uint64_t{0}),
       "DIR/x.safetensors: header of 18446744073709551615 bytes is over the limit of 100000000: "
       "check that it is a safetensors file"},
      {"not JSON", made::safetensors("{x}", 0), "DIR/x.safetensors: not JSON at byte 2" + damaged},
      {"truncated JSON", made::safetensors(R"({"a":{)", 0),
       "DIR/x.safetensors: not JSON at byte 7" + damaged},
      {"bytes that are not UTF-8", made::safetensors("{\"\xff\":1}", 0),
       "DIR/x.safetensors: not JSON at byte 3" + damaged},
      {"number out of range", made::safetensors(R"({"a":1e999})", 0),
       "DIR/x.safetensors: not JSON: a number is out of range" + damaged},
      {"deep", made::safetensors(std::string(100000, '['), 0),
       "DIR/x.safetensors: JSON nested deeper than 8 levels" + damaged},
      {"a list", made::safetensors("[]", 0),
       "DIR/x.safetensors: header is not a JSON object" + damaged},
      {"metadata a list", made::safetensors(R"({"__metadata__":[]})", 0),
       "DIR/x.safetensors: __metadata__ is not an object" + damaged},
      {"the same name twice", made::safetensors(R"({"a":{},"a":{}})", 0),
       "DIR/x.safetensors: key 'a' occurs twice in one JSON object" + damaged},
      {"tensor not an object", made::safetensors(R"({"a":1})", 0),
       "DIR/x.safetensors: tensor 'a' is not described by an object" + damaged},
      {"no dtype", made::safetensors(one(R"("shape":[],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has no dtype" + damaged},
      {"dtype a number", made::safetensors(one(R"("dtype":1,"shape":[],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has a dtype that is not text" + damaged},
      {"dtype without support",
       made::safetensors(one(R"("dtype":"F7","shape":[4],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has dtype F7, which is not known: use another file of the "
       "model"},
      {"float8 of other bytes",
       made::safetensors(one(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,8])"), 8),
       "DIR/x.safetensors: tensor 'a' has 8 bytes, but F8_E4M3 [4] needs 4" + damaged},
      {"half a byte", made::safetensors(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])"), 2),
       "DIR/x.safetensors: tensor 'a' has a shape [3] that ends within a byte" + damaged},
      {"no shape", made::safetensors(one(R"("dtype":"F32","data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has no shape" + damaged},
      {"shape a number",
       made::safetensors(one(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has a shape that is not a list" + damaged},
      {"negative dimension",
       made::safetensors(one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has a dimension that is not a count" + damaged},
      {"fractional dimension",
       made::safetensors(one(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has a dimension that is not a count" + damaged},
      {"many dimensions",
       made::safetensors(
           one(R"("dtype":"I8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])"),
           1),
       "DIR/x.safetensors: tensor 'a' has more than 16 dimensions" + damaged},
      {"shape that overflows",
       made::safetensors(
           one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has a shape [4294967296,4294967296] too large to hold" +
           damaged},
      {"bytes unlike the shape",
       made::safetensors(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4),
       "DIR/x.safetensors: tensor 'a' has 4 bytes, but F32 [2] needs 8" + damaged},
      {"no offsets", made::safetensors(one(R"("dtype":"F32","shape":[])"), 4),
       "DIR/x.safetensors: tensor 'a' has no data_offsets" + damaged},
      {"one offset", made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[0])"), 4),
       "DIR/x.safetensors: tensor 'a' has data_offsets that are not two" + damaged},
      {"negative offset",
       made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[-4,0])"), 4),
       "DIR/x.safetensors: tensor 'a' has an offset that is not a count" + damaged},
      {"offset above 2^63",
       made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[0,18446744073709551615])"),
                         4),
       "DIR/x.safetensors: tensor 'a' has an offset that is not a count" + damaged},
      {"ends before it begins",
       made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[4,0])"), 4),
       "DIR/x.safetensors: tensor 'a' ends before it begins" + damaged},
      {"truncated data",
       made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[0,4])"), 3),
       "DIR/x.safetensors: tensor 'a' ends at byte 4 of 3" + cut},
      {"unknown key",
       made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[0,4],"x":1)"), 4),
       "DIR/x.safetensors: tensor 'a' has an unknown key 'x'" + damaged},
      {"overlap",
       made::safetensors(two(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"), 12),
       "DIR/x.safetensors: tensor 'b' overlaps the tensor before it" + damaged},
      {"hole", made::safetensors(two(R"({"dtype":"F32","shape":[1],"data_offsets":[9,13]})"), 13),
       "DIR/x.safetensors: tensor 'b' begins after a hole of 1 bytes" + damaged},
      {"hole at the beginning",
       made::safetensors(one(R"("dtype":"F32","shape":[],"data_offsets":[4,8])"), 8),
       "DIR/x.safetensors: tensor 'a' begins after a hole of 4 bytes" + damaged},
      {"bytes at the end",
       made::safetensors(one(R"("dtype":"I8","shape":[],"data_offsets":[0,1])"), 3),
       "DIR/x.safetensors: 2 bytes belong to no tensor" + damaged},
  }));
  INFO(row.what);
  REQUIRE(refused(row.bytes) == row.line);
}

TEST_CASE("a tensor without elements is no overlap", "[source][safetensors]") {
  const std::string json =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[0],)"
      R"("data_offsets":[0,0]}})";
  REQUIRE(refused(made::safetensors(json, 8)) == "");
}
