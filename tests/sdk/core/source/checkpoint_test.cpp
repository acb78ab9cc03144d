#include "core/source/checkpoint.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "core/source/import.hpp"
#include "core/source/source_map.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

// A safetensors file of one-element F32 tensors with these names.
std::string holding(const std::vector<std::string>& names) {
  std::string json = "{";
  for (std::size_t i = 0; i < names.size(); ++i)
    json += (i ? ",\"" : "\"") + names[i] + R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" +
            std::to_string(4 * i) + "," + std::to_string(4 * i + 4) + "]}";
  return made::safetensors(json + "}", 4 * names.size());
}

std::string refused(const made::Folder& folder, const std::string& path) {
  return made::refusal(folder, [&] { source::Checkpoint::open(path); });
}

}  // namespace

TEST_CASE("a path that is no model is refused with one line", "[source][checkpoint]") {
  const made::Folder folder;
  const auto at = [&](std::string_view name) { return refused(folder, folder.path(name)); };
  REQUIRE(at("none") ==
          "DIR/none: no such model: give a folder, a .safetensors, .bin or .gguf file");
  REQUIRE(refused(folder, folder.path()) ==
          "DIR: has no config.json and no weights (model.safetensors, pytorch_model.bin or GGUF): "
          "complete the model there; `strata download ORG/NAME` fetches one of the hub");
  folder.write("config.json", "{}");
  REQUIRE(refused(folder, folder.path()) ==
          "DIR: has no weights (model.safetensors, pytorch_model.bin or GGUF): complete the model "
          "there; `strata download ORG/NAME` fetches one of the hub");
  folder.write("model.onnx", "x");
  REQUIRE(at("model.onnx") ==
          "DIR/model.onnx: is not a model: give a folder, a .safetensors or .bin file beside its "
          "config.json, or a .gguf file");
  std::filesystem::create_directory(folder.path("model.safetensors"));
  REQUIRE(refused(folder, folder.path()) ==
          "DIR/model.safetensors: is a folder, not a file: give the file itself");
  REQUIRE(::mkfifo(folder.path("pipe.gguf").c_str(), 0600) == 0);
  REQUIRE(at("pipe.gguf") == "DIR/pipe.gguf: is not a regular file: copy it to a file");
}

TEST_CASE("a file without the right to read it is refused", "[source][file]") {
  const made::Folder folder;
  const auto path = folder.write("x.gguf", "GGUF");
  ::chmod(path.c_str(), 0);
  ::chmod(folder.path().c_str(), 0755);
  const bool was_root = ::geteuid() == 0;
  if (was_root) REQUIRE(::seteuid(65534) == 0);
  const auto line = made::refusal(folder, [&] { source::File::open(path); });
  if (was_root) REQUIRE(::seteuid(0) == 0);
  REQUIRE(line ==
          "DIR/x.gguf: cannot be read: permission denied: give this user the right to read it");
}

TEST_CASE("a read beyond the file names the file and the range", "[source][file]") {
  const made::Folder folder;
  const auto file = source::File::open(folder.write("x", "12345678"));
  std::vector<std::byte> four(4);
  file->read(4, four);
  REQUIRE(std::to_integer<char>(four[0]) == '5');
  REQUIRE(made::refusal(folder, [&] { file->read(5, four); }) ==
          "DIR/x: 4 bytes at 5 lie beyond its 8: the file is cut short; fetch it again");
  REQUIRE(
      made::refusal(folder, [&] { file->read(~0ull, four); }) ==
      "DIR/x: 4 bytes at 18446744073709551615 lie beyond its 8: the file is cut short; fetch it "
      "again");
  std::filesystem::resize_file(folder.path("x"), 6);
  REQUIRE(made::refusal(folder, [&] { file->read(4, four); }) ==
          "DIR/x: ended while reading 4 bytes at 4: it was cut short while in use; fetch it again");
}

TEST_CASE("a broken index is refused with one line", "[source][checkpoint]") {
  struct Row {
    std::string what, index, line;
  };
  const auto map = [](const std::string& body) { return R"({"weight_map":{)" + body + "}}"; };
  const std::string name = "DIR/model.safetensors.index.json: ";
  const std::string remedy = ": correct the index, or fetch it again";
  const std::string own = ": shards lie in the index's own folder";
  const auto row = GENERATE_COPY(values<Row>({
      {"not JSON", "{", name + "not JSON at byte 2: correct the file"},
      {"no map", "{}", name + "has no weight_map" + remedy},
      {"a list", "[]", name + "has no weight_map" + remedy},
      {"map a list", R"({"weight_map":[]})", name + "has no weight_map" + remedy},
      {"empty map", map(""), name + "names no tensor" + remedy},
      {"shard a number", map(R"("a":1)"),
       name + "tensor 'a' has a shard that is not text" + remedy},
      {"above the folder", map(R"("a":"../x")"),
       name + "tensor 'a' has shard '../x', not a plain file name" + own},
      {"absolute", map(R"("a":"/etc/x")"),
       name + "tensor 'a' has shard '/etc/x', not a plain file name" + own},
      {"the folder above", map(R"("a":"..")"),
       name + "tensor 'a' has shard '..', not a plain file name" + own},
      {"missing shard", map(R"("a":"none.safetensors")"),
       name + "shard 'none.safetensors' is not in the folder: fetch it"},
      {"all well",
       map(R"("a":"1.safetensors","b":"1.safetensors","c":"2.safetensors",)"
           R"("d":"2.safetensors")"),
       ""},
  }));
  INFO(row.what);
  const made::Folder folder;
  folder.write("config.json", "{}");
  folder.write("1.safetensors", holding({"a", "b"}));
  folder.write("2.safetensors", holding({"c", "d"}));
  folder.write("3.safetensors", holding({"c", "a"}));
  folder.write("model.safetensors.index.json", row.index);
  REQUIRE(refused(folder, folder.path()) == row.line);
}

TEST_CASE("the shards' headers say what they hold, whatever the index lists",
          "[source][checkpoint]") {
  using Names = std::vector<std::string>;
  struct Row {
    std::string what, map;
    Names names;
    std::vector<std::string> remarks;
  };
  const std::string name = "DIR/model.safetensors.index.json: ";
  const auto row = GENERATE_COPY(values<Row>({
      {"as they are",
       R"("a":"1.safetensors","b":"1.safetensors","c":"2.safetensors")",
       {"a", "b", "c", "d"},
       {name + "it does not list what its shards have: 'd'"}},
      {"lists more and in other shards",
       R"("a":"2.safetensors","z":"1.safetensors","b":"1.safetensors","c":"2.safetensors",)"
       R"("d":"2.safetensors")",
       {"a", "b", "c", "d"},
       {name + "it lists what no shard has: 'z'"}},
      {"one in two shards",
       R"("a":"1.safetensors","b":"1.safetensors","c":"3.safetensors")",
       {"a", "b", "c"},
       {name + "two shards hold the same tensors, and the last shard's are used: 'a'"}},
  }));
  INFO(row.what);
  const made::Folder folder;
  folder.write("config.json", "{}");
  folder.write("1.safetensors", holding({"a", "b"}));
  folder.write("2.safetensors", holding({"c", "d"}));
  folder.write("3.safetensors", holding({"c", "a"}));
  folder.write("model.safetensors.index.json", R"({"weight_map":{)" + row.map + "}}");
  const auto checkpoint = source::Checkpoint::open(folder.path());
  Names names;
  for (const auto& tensor : checkpoint.tensors()) names.push_back(tensor.name);
  std::ranges::sort(names);
  REQUIRE(names == row.names);
  if (checkpoint.find("a")->stored.file().file > 0)
    REQUIRE(checkpoint.files()[checkpoint.find("a")->stored.file().file]->path() ==
            folder.path("3.safetensors"));
  std::vector<std::string> remarks;
  for (const auto& one : checkpoint.remarks())
    remarks.push_back(made::refusal(folder, [&] { throw std::runtime_error(one.words); }));
  REQUIRE(remarks == row.remarks);
}

TEST_CASE("every tensor that does not fit is named in one line", "[source][map]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const auto path = folder.write(
      "x.safetensors", holding({"a", "b", "model.c", "d", "layers.0.rotary_emb.inv_freq"}));
  const auto checkpoint = source::Checkpoint::open(path);
  const auto resolved = [&](std::vector<source::Wanted> wanted) {
    return made::refusal(folder, [&] { source::resolve(checkpoint, wanted); });
  };
  REQUIRE(resolved({{"a", {1}}, {"b", {1}}, {"c", {1}}, {"transformer.d", {1}}}) == "");
  REQUIRE(resolved({{"a", {2, 3}}, {"model.x", {1}}, {"c", {1}}, {"d", {1}}}) ==
          "DIR/x.safetensors: tensors do not fit the configuration: 'a' is [1], not [2,3], "
          "'model.x' is missing, 'b' is extra: give the config.json that belongs to these weights");
  std::vector<source::Wanted> many;
  for (int i = 0; i < 10; ++i) many.push_back({"w" + std::to_string(i), {1}});
  REQUIRE(resolved(many) ==
          "DIR/x.safetensors: tensors do not fit the configuration: 'w0' is missing, 'w1' is "
          "missing, 'w2' is missing, 'w3' is missing, 'w4' is missing, 'w5' is missing and 8 more "
          "(-v lists them): give the config.json that belongs to these weights");
}

TEST_CASE("extra tensors are left aside, and named unless a word says that they may be there",
          "[source][map]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const auto path = folder.write("x.safetensors", holding({"a", "model.layers.3.b", "c.mtp.d"}));
  const auto checkpoint = source::Checkpoint::open(path);
  const std::vector<source::Wanted> wanted{{"a", {1}}};
  using Names = std::vector<std::string>;
  const auto unused = [&](const Names& words) {
    return source::resolve(checkpoint, wanted, {}, words).unused();
  };
  REQUIRE(unused({"layers.3.", "mtp"}) == Names{});
  REQUIRE(unused({"layers.3."}) == Names{"c.mtp.d"});
  REQUIRE(unused({}) == Names{"c.mtp.d", "model.layers.3.b"});
}

TEST_CASE("a head beside the table that it is tied to is that table or another", "[source][map]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const std::vector<source::Wanted> tied{
      {.name = "model.embed.weight", .shape = {1}, .tied = true}};
  const auto outcome = [&](const std::vector<std::string>& names, const std::string& data) {
    const auto file = holding(names);
    const auto path =
        folder.write("x.safetensors", file.substr(0, file.size() - data.size()) + data);
    return made::refusal(folder, [&] {
      const auto checkpoint = source::Checkpoint::open(path);
      const auto map = source::resolve(checkpoint, tied);
      REQUIRE(map.other_head(checkpoint, 3) == nullptr);
      if (const auto* head = map.other_head(checkpoint, UINT64_MAX))
        throw Error("other", head->name, "");
    });
  };
  REQUIRE(outcome({"model.embed.weight", "lm_head.weight"}, "abcdabcd") == "");
  REQUIRE(outcome({"embed.weight", "lm_head.weight"}, "abcdabcd") == "");
  REQUIRE(outcome({"lm_head.weight"}, "abcd") == "");
  REQUIRE_THAT(outcome({"embed.weight", "lm_head.weight"}, "abcdabce"),
               Catch::Contains("other: lm_head.weight"));
  REQUIRE(outcome({"embed.weight", "head.weight"}, "abcdabcd") == "");
}

TEST_CASE("experts are found by their numbers, as slices of a stack, or fused", "[source][map]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  // A header of float32 tensors, one behind the other.
  using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
  const auto opened = [&](const Tensors& tensors) {
    std::string header;
    std::size_t at = 0;
    for (const auto& [name, shape] : tensors) {
      auto end = std::size_t{4};
      for (const auto length : shape) end *= static_cast<std::size_t>(length);
      end += at;
      header += (header.empty() ? "{\"" : ",\"") + name + R"(":{"dtype":"F32","shape":)" +
                source::shape_text(shape) + R"(,"data_offsets":[)" + std::to_string(at) + "," +
                std::to_string(end) + "]}";
      at = end;
    }
    return source::Checkpoint::open(
        folder.write("x.safetensors", made::safetensors(header + "}", at)));
  };
  const std::vector<source::Wanted> wanted{{"e.{}.gate", {2, 5}, false, "e.both", 3, 0, 6},
                                           {"e.{}.up", {4, 5}, false, "e.both", 3, 2, 6},
                                           {"e.{}.down", {5, 4}, false, "", 3}};
  const auto resolved = [&](const Tensors& tensors) {
    return made::refusal(folder, [&] { source::resolve(opened(tensors), wanted); });
  };
  const auto misfit = [](const std::string& what) {
    return "DIR/x.safetensors: tensors do not fit the configuration: " + what +
           ": give the config.json that belongs to these weights";
  };
  SECTION("the first of an expert each is missing") {
    REQUIRE(resolved({{"e.both", {3, 6, 5}}, {"e.1.down", {5, 4}}, {"e.2.down", {4, 4}}}) ==
            misfit("'e.0.down' is missing, 'e.2.down' is [4,4], not [5,4]"));
  }
  SECTION("one tensor an expert, the others stacked") {
    const auto checkpoint = opened({{"e.0.gate", {2, 5}},
                                    {"e.1.gate", {2, 5}},
                                    {"e.2.gate", {2, 5}},
                                    {"e.up", {3, 4, 5}},
                                    {"e.down", {3, 5, 4}}});
    const auto map = source::resolve(checkpoint, wanted);
    REQUIRE(map.all().size() == 9);
    REQUIRE(map.at("e.1.gate").stored.file().offset ==
            checkpoint.find("e.1.gate")->stored.file().offset);
    REQUIRE(map.at("e.2.up").stored.file().offset ==
            checkpoint.find("e.up")->stored.file().offset + 2 * 4 * 5 * 4);
    REQUIRE(map.at("e.2.up").shape == std::vector<std::int64_t>{4, 5});
  }
  SECTION("fused: the rows of a group one behind the other") {
    const auto checkpoint = opened({{"e.both", {3, 6, 5}}, {"e.down", {3, 5, 4}}});
    const auto map = source::resolve(checkpoint, wanted);
    const auto base = checkpoint.find("e.both")->stored.file().offset;
    REQUIRE(map.at("e.1.gate").stored.file().offset == base + 6 * 5 * 4);
    REQUIRE(map.at("e.1.gate").stored.file().bytes == 2 * 5 * 4);
    REQUIRE(map.at("e.1.up").stored.file().offset == base + (6 + 2) * 5 * 4);
    REQUIRE(map.at("e.1.up").stored.file().bytes == 4 * 5 * 4);
  }
  const auto as = [](const source::Tensor& tensor) {
    const auto* slice = tensor.step<source::Slice>();
    const auto [all, first, step] = slice ? *slice : source::Slice{};
    return std::tuple(tensor.step<source::Transpose>() != nullptr, all, first, step);
  };
  SECTION("fused the other way round: all columns are read, each weight has its own of them") {
    const auto checkpoint = opened({{"e.both", {3, 5, 6}}, {"e.down", {3, 4, 5}}});
    const auto map = source::resolve(checkpoint, wanted);
    const auto base = checkpoint.find("e.both")->stored.file().offset;
    for (const auto* name : {"e.1.gate", "e.1.up"}) {
      REQUIRE(map.at(name).stored.file().offset == base + 6 * 5 * 4);
      REQUIRE(map.at(name).stored.file().bytes == 6 * 5 * 4);
    }
    REQUIRE(as(map.at("e.1.gate")) == std::tuple(true, 6, 0, 1));
    REQUIRE(as(map.at("e.1.up")) == std::tuple(true, 6, 2, 1));
    REQUIRE(as(map.at("e.2.down")) == std::tuple(true, 0, 0, 1));
  }
  SECTION("by turns, either way round; a square one as it was declared") {
    const auto turns = [](bool in_out, std::int64_t columns) {
      return std::vector<source::Wanted>{{"e.{}.gate", {2, columns}, in_out, "e.both", 3, 0, 4, 2},
                                         {"e.{}.up", {2, columns}, in_out, "e.both", 3, 1, 4, 2}};
    };
    const auto straight = source::resolve(opened({{"e.both", {3, 4, 5}}}), turns(true, 5));
    REQUIRE(as(straight.at("e.1.gate")) == std::tuple(false, 4, 0, 2));
    REQUIRE(as(straight.at("e.1.up")) == std::tuple(false, 4, 1, 2));
    const auto transposed = source::resolve(opened({{"e.both", {3, 5, 4}}}), turns(false, 5));
    REQUIRE(as(transposed.at("e.0.up")) == std::tuple(true, 4, 1, 2));
    for (const bool in_out : {false, true}) {
      const auto square = source::resolve(opened({{"e.both", {3, 4, 4}}}), turns(in_out, 4));
      REQUIRE(as(square.at("e.2.up")) == std::tuple(in_out, 4, 1, 2));
    }
  }
  SECTION("what does not fit") {
    REQUIRE(resolved({{"e.both", {3, 6, 4}}, {"e.down", {2, 5, 4}}}) ==
            misfit("'e.both' is [3,6,4], not [3,6,5], 'e.down' is [2,5,4], not [3,5,4]"));
    REQUIRE(resolved({{"e.0.gate", {2, 5}}, {"e.2.gate", {2, 5}}, {"e.up", {3, 4, 5}}}) ==
            misfit("'e.1.gate' is missing, 'e.{}.down' is missing"));
  }
}

TEST_CASE("a matrix kept the other way round is found by its shape there", "[source][map]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const auto checkpoint = source::Checkpoint::open(folder.write(
      "x.safetensors",
      made::safetensors(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24)));
  const std::vector<source::Wanted> wanted{{"a", {3, 2}, true}};
  REQUIRE(source::resolve(checkpoint, wanted).at("a").shape == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("rows of a tensor are where they lie, or refused", "[source][tensor]") {
  const source::Tensor blocks{
      .name = "q",
      .shape = {8, 64},
      .stored = source::packed_form(
          "Q4_1", {source::block_part("blocks", {8, 64}, 32, 20, {2, 1000, 320})}),
      .steps = {source::Reorder{2, 2, 2}}};
  const auto cut = source::rows(blocks, 4, 4);
  REQUIRE(cut.shape == std::vector<std::int64_t>{4, 64});
  REQUIRE(cut.stored.file().file == 2);
  REQUIRE(cut.stored.file().offset == 1160);
  REQUIRE(cut.stored.file().bytes == 160);
  REQUIRE(cut.step<source::Reorder>()->blocks == 1);
  const made::Folder folder;
  const auto refused = [&](const source::Tensor& tensor, std::int64_t first, std::int64_t count) {
    return made::refusal(folder, [&] { source::rows(tensor, first, count); });
  };
  REQUIRE(
      refused(blocks, 2, 4) ==
      "tensor 'q': rows 2 to 6 of [8,64] would cut a block of reordered rows: cut it elsewhere");
  REQUIRE(refused(blocks, 4, 5) ==
          "tensor 'q': rows 4 to 9 of [8,64] are not there: cut it elsewhere");
  const source::Tensor straddling{
      .name = "s",
      .shape = {4, 8},
      .stored =
          source::packed_form("Q4_1", {source::block_part("blocks", {4, 8}, 32, 20, {0, 0, 20})})};
  REQUIRE(refused(straddling, 0, 1) ==
          "tensor 's': rows 0 to 1 of [4,8] would cut a block of Q4_1: cut it elsewhere");
}
