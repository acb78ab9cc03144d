#include "core/source/packed_file.hpp"

#include <catch2/catch.hpp>

#include "core/json.hpp"
#include "core/source/dtype.hpp"
#include "core/source/safetensors.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;
using source::Tensor;

namespace {

Tensor dense(std::string name, std::vector<int64_t> shape) {
  Tensor out{.name = std::move(name), .shape = std::move(shape)};
  out.stored = source::dense_form(source::bf16, out.shape);
  return out;
}

// [4,8] with codes [4,4] of one byte and scales [4,2] of float16.
Tensor packed(std::string name) {
  Tensor out{.name = std::move(name), .shape = {4, 8}};
  out.stored =
      source::packed_form("mine", {{"codes", source::u8, {4, 4}}, {"s", source::f16, {4, 2}}});
  return out;
}

// A file of these tensors, with zeros for bytes.
std::string file_of(source::PackedFile& content) {
  auto out = source::packed_header(content);
  for (const auto& tensor : content.tensors)
    for (const auto& part : tensor.stored.parts) out += std::string(part.file.bytes, '\0');
  return out;
}

// The words of the refusal of a file with this metadata and the tensors "w:codes" of 16 bytes,
// "w:s" of 16 and "d" of 4; "" where it is read.
std::string refused(const std::string& metadata) {
  const made::Folder folder;
  const Json header{{"__metadata__", {{"strata.quant", metadata}}},
                    {"w:codes", {{"dtype", "U8"}, {"shape", {4, 4}}, {"data_offsets", {0, 16}}}},
                    {"w:s", {{"dtype", "F16"}, {"shape", {4, 2}}, {"data_offsets", {16, 32}}}},
                    {"d", {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {32, 36}}}}};
  return made::refusal(folder, [&] {
    const auto path = folder.write("x.safetensors", made::safetensors(header.dump(), 36));
    source::read_packed_file(*source::File::open(path), 0);
  });
}

std::string weights(const std::string& all) {
  return R"({"version":1,"made_from":"x","weights":)" + all + "}";
}

}  // namespace

TEST_CASE("a packed file gives back its weights with their places", "[source][packed_file]") {
  const made::Folder folder;
  source::PackedFile content{
      .made_from = "digest",
      .tensors = {dense("embed", {5, 8}), packed("b"), packed("a"), dense("norm", {8})}};
  const auto path = folder.write("x.safetensors", file_of(content));
  const auto read = source::read_packed_file(*source::File::open(path), 3);
  CHECK(read.made_from == "digest");
  REQUIRE(read.tensors.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto &is = read.tensors[i], &was = content.tensors[i];
    CHECK(is.name == was.name);
    CHECK(is.shape == was.shape);
    CHECK(is.steps.empty());
    CHECK(is.as_used);
    CHECK(is.stored.scheme == was.stored.scheme);
    CHECK(is.stored.bytes == was.stored.bytes);
    REQUIRE(is.stored.parts.size() == was.stored.parts.size());
    for (std::size_t p = 0; p < is.stored.parts.size(); ++p) {
      const auto &one = is.stored.parts[p], &other = was.stored.parts[p];
      CHECK(one.role == other.role);
      CHECK(one.shape == other.shape);
      CHECK(one.at == other.at);
      CHECK(one.file.file == 3);
      CHECK(one.file.offset == other.file.offset);
      CHECK(one.file.bytes == other.file.bytes);
    }
  }
  CHECK(content.tensors.back().stored.file().offset + 16 == made::read(path).size());
}

TEST_CASE("two weights that would share a name are not written", "[source][packed_file]") {
  source::PackedFile content{.made_from = "", .tensors = {dense("a:codes", {16}), packed("a")}};
  const made::Folder folder;
  CHECK(made::refusal(folder, [&] { source::packed_header(content); }) ==
        "tensor 'a:codes': two weights would have this name: run the model without --quant");
}

TEST_CASE("a file that Strata did not pack is refused", "[source][packed_file]") {
  CHECK(refused(weights(R"({"w":{"scheme":"mine","shape":[4,8],"parts":["codes","s"]}})")).empty());
  const auto says = [](const std::string& metadata, const std::string& what) {
    CAPTURE(metadata);
    CHECK(refused(metadata) == "DIR/x.safetensors: " + what + ": it is made again");
  };
  says("1", "its metadata has no version");
  says(R"({"version":2,"made_from":"","weights":{}})", "its metadata is of version 2, not of 1");
  says(R"({"version":1,"weights":{}})", "its metadata has no made_from");
  says(R"({"version":1,"made_from":1,"weights":{}})",
       "its metadata has a made_from that is not text");
  says(R"({"version":1,"made_from":"","weights":[]})",
       "its metadata has weights that are no object");
  says(weights(R"({"w":1})"), "weight 'w' has no shape");
  says(weights(R"({"w":{"shape":[4]}})"), "weight 'w' is no matrix");
  says(weights(R"({"w":{"shape":[4,-8]}})"), "weight 'w' has a shape of other than counts");
  says(weights(R"({"w":{"shape":[4294967296,4294967296]}})"),
       "weight 'w' has a shape [4294967296,4294967296] too large to hold");
  says(weights(R"({"w":{"shape":[4,8]}})"), "weight 'w' has no scheme");
  says(weights(R"({"w":{"shape":[4,8],"scheme":""}})"), "weight 'w' has no scheme");
  says(weights(R"({"w":{"shape":[4,8],"scheme":"m","parts":[]}})"), "weight 'w' has no parts");
  says(weights(R"({"w":{"shape":[4,8],"scheme":"m","parts":[1]}})"),
       "weight 'w' has a part whose role is not text");
  says(weights(R"({"w":{"shape":[4,8],"scheme":"m","parts":["z"]}})"),
       "weight 'w' has no part 'z'");
  says(weights(R"({"w":{"shape":[4,8],"scheme":"m","parts":["s","s"]}})"),
       "weight 'w' shares the part 's'");
  says(weights(R"({"d":{"shape":[4,8],"scheme":"m","parts":["s"]}})"),
       "weight 'd' is there as a dense one, too");
  CHECK(refused("{").ends_with("not JSON at byte 2: it is made again"));
}

TEST_CASE("a plain safetensors file is no packed one", "[source][packed_file]") {
  const made::Folder folder;
  CHECK(made::refusal(folder, [&] {
          const auto path = folder.write("x.safetensors", made::safetensors("{}", 0));
          source::read_packed_file(*source::File::open(path), 0);
        }) == "DIR/x.safetensors: its metadata has no 'strata.quant': it is made again");
}
