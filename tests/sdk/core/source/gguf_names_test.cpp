#include <array>
#include <catch2/catch.hpp>

#include "core/json.hpp"
#include "core/source/checkpoint.hpp"
#include "core/source/import.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

// A mapping of an architecture of the tests' own.
source::GgufMappings mappings(const std::string& more = "") {
  return source::gguf_mappings(
      parse_json(
          R"({"toy":{"model_type":"toy","config":{"heads":{"key":"toy.heads|toy.h"},)"
          R"("layers":{"count":"toy.list","default":7},"kind":{"optional":true,"key":"toy.kind"}},)"
          R"("rope":{"prefix":"toy.rope","factors":"factors"},"equal":[["toy.a","toy.b"]],)"
          R"("names":{"m.{}.q":"b.{}.q","m.e":"e","m.{}.qkv":"b.{}.qkv"},"permuted":{"m.{}.q":"heads"},)"
          R"("fused":{"m.{}.qkv":"heads"})" +
              more + "}}",
          "manifest.json"),
      "manifest.json");
}

made::Gguf toy() {
  made::Gguf out;
  out.text("general.architecture", "toy").u32("toy.h", 2);
  return out;
}

std::string mapping_refusal(const std::string& json) {
  const made::Folder folder;
  return made::refusal(folder, [&] {
    source::gguf_mappings(parse_json(json, "manifest.json", {.depth = 16}), "manifest.json");
  });
}

}  // namespace

TEST_CASE("a mapping gives names, heads and configuration", "[source][gguf]") {
  const made::Folder folder;
  const auto file = toy()
                        .tensor("b.12.q", {4, 8}, 0, 0)
                        .tensor("b.x.q", {8}, 0, 128)
                        .tensor("e", {8}, 0, 160)
                        .tensor("b.1.qkv", {1, 12}, 0, 192)
                        .file(240);
  const auto checkpoint = source::Checkpoint::open(folder.write("x.gguf", file), mappings());
  REQUIRE(checkpoint.find("m.12.q"));
  using Steps = std::vector<source::Step>;
  REQUIRE(checkpoint.find("m.12.q")->steps == Steps{source::Reorder{2, 2, 2}});
  REQUIRE(checkpoint.find("m.1.qkv")->steps == Steps{source::Reorder{1, 3, 2}});
  REQUIRE(checkpoint.find("m.e")->steps.empty());
  REQUIRE(checkpoint.find("b.x.q"));  // the mapping has no such name: the file's own
  const auto config = parse_json(checkpoint.config(), "config.json");
  REQUIRE(config["model_type"] == "toy");
  REQUIRE(config["heads"] == 2);
  REQUIRE(config["layers"] == 7);
  REQUIRE(!config.contains("kind"));
  REQUIRE(config["rope_theta"] == 10000.0);
}

TEST_CASE("a mapping like another begins with what that one says", "[source][gguf]") {
  const auto all = source::gguf_mappings(
      parse_json(
          R"({"one":{"model_type":"a","config":{"x":{"key":"{arch}.x"},"y":{"key":"{arch}.y"}},)"
          R"("names":{"a.w":"w","b.w":"v"}},)"
          R"("two":{"like":"one","model_type":"b","config":{"x":null},"names":{"c.w":"v","b.w":null},)"
          R"("added":{"a.w":1},"one_row":["c.w"]}})",
          "manifest.json"),
      "manifest.json");
  const auto& two = all.find("two")->second;
  REQUIRE(two.model_type == "b");
  REQUIRE(two.config.size() == 1);
  REQUIRE(two.config.at("y").keys == std::vector<std::string>{"two.y"});
  REQUIRE(source::mapped_name(two, "w").name == "a.w");
  REQUIRE(source::mapped_name(two, "v").name == "c.w");
  REQUIRE(two.added.at("a.w") == 1);
  REQUIRE(two.one_row == std::vector<std::string>{"c.w"});
  REQUIRE_THROWS_WITH(
      source::gguf_mappings(parse_json(R"({"x":{"like":"x","model_type":"a"}})", "manifest.json"),
                            "manifest.json"),
      Catch::Contains("nothing is like 'x'"));
}

TEST_CASE("a quotient of metadata counts where the file is of the kind that it is for",
          "[source][gguf]") {
  const auto mapping = source::gguf_mappings(
      parse_json(R"({"toy":{"model_type":"a","config":{"k":{"times":["toy.n"],"over":["toy.d"],)"
                 R"("only":{"toy.layers":3},"default":7}}}})",
                 "manifest.json"),
      "manifest.json");
  const made::Folder folder;
  const auto config = [&](std::uint32_t layers) {
    const auto file = folder.write(
        "x.gguf", toy().u32("toy.n", 12).u32("toy.d", 8).u32("toy.layers", layers).file(32));
    return parse_json(source::Checkpoint::open(file, mapping).config(), "");
  };
  REQUIRE(config(3)["k"] == 1.5);
  REQUIRE(config(4)["k"] == 7);
}

TEST_CASE("reordered rows are found where the file has them", "[source][tensor]") {
  struct Case {
    source::Reorder order;
    std::vector<std::int64_t> wanted;  // the place in the file of each row of the run form
  };
  const auto c = GENERATE(
      // Heads of 4 rows: the first halves of a head's pairs, then the second.
      Case{{3, 2, 2}, {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11}},
      // Two heads of q, k, v of two rows.
      Case{{1, 3, 2}, {0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11}},
      // Two groups of four queries, a key and a value.
      Case{{1, 3, 2, 4}, {0, 1, 2, 3, 8, 10, 4, 5, 6, 7, 9, 11}});
  for (std::int64_t row = 0; row < 12; ++row)
    CHECK(source::run_row(c.order, 12, c.wanted[static_cast<std::size_t>(row)]) == row);
}

TEST_CASE("a narrower mapping of an architecture serves the files that have its key",
          "[source][gguf]") {
  const auto both = source::gguf_mappings(
      parse_json(R"({"toy":{"model_type":"plain"},"toy+toy.experts":{"model_type":"mixed",)"
                 R"("names":{"m.{}.e.{}.w":"b.{}.w.{}|b.{}.ws"}}})",
                 "manifest.json"),
      "manifest.json");
  const made::Folder folder;
  const auto opened = [&](std::uint32_t experts) {
    return source::Checkpoint::open(
        folder.write("x.gguf",
                     toy().u32("toy.experts", experts).tensor("b.3.w.12", {8}, 0, 0).file(32)),
        both);
  };
  REQUIRE(opened(0).find("b.3.w.12"));
  REQUIRE(opened(2).find("m.3.e.12.w"));
  REQUIRE(parse_json(opened(2).config(), "")["model_type"] == "mixed");
  const auto stack = [&](const std::vector<std::uint64_t>& shape, std::uint64_t bytes) {
    return source::Checkpoint::open(
        folder.write("x.gguf",
                     toy().u32("toy.experts", 2).tensor("b.3.ws", shape, 0, 0).file(bytes)),
        both);
  };
  const auto cut = stack({4, 8, 3}, 384);  // 3 experts of [8,4]
  REQUIRE(cut.tensors().size() == 3);
  REQUIRE(cut.find("m.3.e.2.w")->shape == std::vector<std::int64_t>{8, 4});
  REQUIRE(cut.find("m.3.e.2.w")->stored.file().offset ==
          cut.find("m.3.e.0.w")->stored.file().offset + 256);
  REQUIRE(made::refusal(folder, [&] { stack({8}, 32); }) ==
          "DIR/x.gguf: tensor 'm.3.e.{}.w' of [8] is not made of experts: convert the model again");
}

TEST_CASE("a number of metadata chooses the mapping, is lessened, or is null", "[source][gguf]") {
  const auto both = source::gguf_mappings(
      parse_json(
          R"({"toy":{"model_type":"a","config":{"k":{"key":"toy.k","minus":"toy.m","null":true}}},)"
          R"("toy+toy.kind=2":{"like":"toy","model_type":"b"}})",
          "manifest.json"),
      "manifest.json");
  const made::Folder folder;
  const auto config = [&](made::Gguf file) {
    const auto path = folder.write("x.gguf", file.file(0));
    return parse_json(source::Checkpoint::open(path, both).config(), "");
  };
  REQUIRE(config(toy().u32("toy.kind", 1))["model_type"] == "a");
  REQUIRE(config(toy().u32("toy.kind", 2))["model_type"] == "b");
  REQUIRE(config(toy().u32("toy.k", 7).u32("toy.m", 3))["k"] == 4);
  const auto without = config(toy());
  REQUIRE((without.contains("k") && without["k"].is_null()));
  REQUIRE(made::refusal(folder, [&] { config(toy().u32("toy.k", 7)); }) ==
          "DIR/x.gguf: no number in metadata 'toy.m' to take away: convert the model again");
}

TEST_CASE("matrices of all heads are pieces of one tensor", "[source][gguf]") {
  const auto mapping = source::gguf_mappings(
      parse_json(R"({"toy":{"model_type":"a","names":{"m.{}.k":"b.{}.k","m.{}.v":"b.{}.v"},)"
                 R"("turned":["m.{}.k"],"joined":{"m.{}.kv":["m.{}.k","m.{}.v"]}}})",
                 "manifest.json"),
      "manifest.json");
  const made::Folder folder;
  const auto opened = [&](const made::Gguf& file, std::uint64_t bytes) {
    return source::Checkpoint::open(folder.write("x.gguf", made::Gguf(file).file(bytes)), mapping);
  };
  // Two heads: keys [4,3] transposed, values [5,4].
  const auto file = toy().tensor("b.7.v", {4, 5, 2}, 0, 0).tensor("b.7.k", {3, 4, 2}, 0, 160);
  const auto checkpoint = opened(file, 256);
  const auto* whole = checkpoint.find("m.7.kv");
  REQUIRE(whole);
  REQUIRE(whole->shape == std::vector<std::int64_t>{16, 4});
  REQUIRE(whole->steps == std::vector<source::Step>{source::Join{2}});
  REQUIRE(whole->pieces[0].shape == std::vector<std::int64_t>{6, 4});
  REQUIRE(whole->pieces[0].steps == std::vector<source::Step>{source::Transpose{2}});
  REQUIRE(whole->pieces[0].stored.at == 0);
  REQUIRE(whole->pieces[1].shape == std::vector<std::int64_t>{10, 4});
  REQUIRE(whole->pieces[1].steps.empty());
  REQUIRE(whole->pieces[1].stored.at == 128);
  REQUIRE(whole->stored.bytes == 288);
  REQUIRE_THROWS_WITH(source::rows(*whole, 0, 8), Catch::Contains("it is stored in parts"));

  REQUIRE(opened(toy().tensor("b.7.v", {4, 5, 2}, 0, 0), 160).find("m.7.v"));
  const auto refusal = [&](const made::Gguf& bad) {
    return made::refusal(folder, [&] { opened(bad, 512); });
  };
  const std::string rest = " is not made of heads' matrices as the others: convert the model again";
  REQUIRE(refusal(toy().tensor("b.7.k", {3, 8}, 0, 0)) ==
          "DIR/x.gguf: tensor 'b.7.k' of [8,3]" + rest);
  REQUIRE(refusal(toy().tensor("b.7.v", {4, 5, 3}, 0, 0).tensor("b.7.k", {3, 4, 2}, 0, 256)) ==
          "DIR/x.gguf: tensor 'b.7.k' of [2,4,3]" + rest);
}

TEST_CASE("numbers beside a weight multiply it, and each expert has its own", "[source][gguf]") {
  const auto mapping = source::gguf_mappings(
      parse_json(R"({"toy":{"model_type":"a","names":{"m.{}.q.w":"b.{}.q.weight",)"
                 R"("m.{}.e.{}.w":"b.{}.e.weight","m.{}.all":"b.{}.all.weight",)"
                 R"("m.{}.own":"b.{}.own.weight","m.{}.own.s":"b.{}.own.scale"}}})",
                 "manifest.json"),
      "manifest.json");
  const made::Folder folder;
  // A weight of 32 bytes, and behind it a scale of F32 of so many numbers.
  const auto opened = [&](const std::string& stem, const std::vector<std::uint64_t>& shape,
                          const std::vector<float>& scale, const std::string& end = ".scale",
                          std::uint32_t type = 0) {
    std::string bytes = toy()
                            .tensor(stem + ".weight", shape, 0, 0)
                            .tensor(stem + end, {scale.size()}, type, 32)
                            .file(32);
    for (const auto one : scale) bytes += made::bytes(one);
    return source::Checkpoint::open(folder.write("x.gguf", bytes + std::string(32, '\0')), mapping);
  };
  using Steps = std::vector<source::Step>;
  const auto one = opened("b.3.q", {4, 2}, {0.25f});
  REQUIRE(one.tensors().size() == 1);
  CHECK(one.find("m.3.q.w")->steps == Steps{source::Multiply{0.25}});
  CHECK(opened("b.3.q", {4, 2}, {1}).find("m.3.q.w")->steps.empty());
  const auto experts = opened("b.0.e", {2, 2, 2}, {3, 1});
  REQUIRE(experts.tensors().size() == 2);
  CHECK(experts.find("m.0.e.0.w")->steps == Steps{source::Multiply{3}});
  CHECK(experts.find("m.0.e.1.w")->steps.empty());
  CHECK(opened("b.0.e", {2, 2, 2}, {3}).find("m.0.e.1.w")->steps == Steps{source::Multiply{3}});
  // Those of activations are left aside; a tensor that the mapping names is a weight of its own.
  const auto input = opened("b.3.q", {4, 2}, {0.25f}, ".input_scale");
  REQUIRE(input.tensors().size() == 1);
  CHECK(input.find("m.3.q.w")->steps.empty());
  const auto own = opened("b.3.own", {4, 2}, {0.25f});
  CHECK(own.find("m.3.own.s"));
  CHECK(own.find("m.3.own")->steps.empty());
  const auto refusal = [&](auto... what) {
    return made::refusal(folder, [&] { opened(what...); });
  };
  const std::string rest =
      " is not of F32 with a factor of 'b.3.q.weight', or one of each expert: convert the model "
      "again";
  const std::vector<std::uint64_t> matrix{4, 2}, stack{2, 2, 2};
  CHECK(refusal("b.3.q", matrix, std::vector<float>{1, 2}) ==
        "DIR/x.gguf: tensor 'b.3.q.scale' of [2]" + rest);
  CHECK(refusal("b.3.q", matrix, std::vector<float>{1}, ".scale", 1U) ==
        "DIR/x.gguf: tensor 'b.3.q.scale' of [1]" + rest);
  CHECK(refusal("b.3.all", stack, std::vector<float>{1, 2}) ==
        "DIR/x.gguf: tensor 'b.3.all.weight' has 2 factors, and its experts are not read apart: "
        "use another file of the model");
}

TEST_CASE("a GGUF file that the mapping does not fit is refused with one line", "[source][gguf]") {
  struct Row {
    std::string what, bytes, line;
  };
  const std::string again = ": convert the model again";
  const std::string other = ": use another file of the model";
  const auto list = [](std::uint32_t type, std::uint64_t count, const std::string& body) {
    return made::bytes(type) + made::bytes(count) + body;
  };
  const auto row = GENERATE_COPY(values<Row>({
      {"no architecture", made::Gguf().file(0),
       "DIR/x.gguf: no metadata 'general.architecture'" + again},
      {"architecture a number", made::Gguf().u32("general.architecture", 1).file(0),
       "DIR/x.gguf: metadata 'general.architecture' is not text" + again},
      {"unknown architecture", made::Gguf().text("general.architecture", "else").file(0),
       "DIR/x.gguf: no plugin knows the architecture 'else': the nearest known are 'toy'"},
      {"missing key", made::Gguf().text("general.architecture", "toy").file(0),
       "DIR/x.gguf: no metadata 'toy.heads' or 'toy.h', which heads needs" + again},
      {"a part of many under another name", toy().u32("split.count", 3).u32("split.no", 1).file(0),
       "DIR/x.gguf: is part 2 of 3, and its name does not say where the others are: name the parts "
       "NAME-00001-of-0000N.gguf"},
      {"no part of a count", toy().u32("split.count", 3).file(0),
       "DIR/x.gguf: split.no and split.count are -1 and 3, no part of a model: fetch all parts of "
       "one model into one folder"},
      {"an adapter", toy().text("general.type", "adapter").file(0),
       "DIR/x.gguf: holds no model: its general.type is 'adapter': give the model's own file"},
      {"keys that differ", toy().u32("toy.a", 1).u32("toy.b", 2).file(0),
       "DIR/x.gguf: metadata 'toy.a' and 'toy.b' differ, which is not supported" + other},
      {"rows that are not heads", toy().tensor("b.0.q", {4, 6}, 0, 0).file(96),
       "DIR/x.gguf: tensor 'b.0.q' of [6,4] is not made of 2 heads" + again},
      {"two tensors of one name", toy().tensor("e", {8}, 0, 0).tensor("m.e", {8}, 0, 32).file(64),
       "DIR/x.gguf: tensor 'm.e' occurs a second time: use another file of the model"},
      {"factors of two dimensions", toy().tensor("factors", {4, 4}, 0, 0).file(64),
       "DIR/x.gguf: tensor 'factors' is not a short list of F32" + again},
      {"unknown scaling", toy().text("toy.rope.scaling.type", "su").file(0),
       "DIR/x.gguf: rope scaling 'su' is not supported" + other},
      {"unknown key of scaling", toy().u32("toy.rope.scaling.new", 1).file(0),
       "DIR/x.gguf: metadata 'toy.rope.scaling.new' is not supported" + other},
      {"scaling without factor", toy().text("toy.rope.scaling.type", "linear").file(0),
       "DIR/x.gguf: no metadata 'toy.rope.scaling.factor'" + again},
      {"scaling beside factors",
       toy()
           .text("toy.rope.scaling.type", "linear")
           .f32("toy.rope.scaling.factor", 2)
           .tensor("factors", {8}, 0, 0)
           .file(32),
       "DIR/x.gguf: tensor 'factors' beside a rope scaling is not supported" + other},
      {"token id out of range", toy().u32("tokenizer.ggml.bos_token_id", 5).file(0),
       "DIR/x.gguf: metadata 'tokenizer.ggml.bos_token_id' is 5, not one of 0 tokens" + again},
      {"tokens not texts", toy().raw("tokenizer.ggml.tokens", 9, list(4, 1, "0000")).file(0),
       "DIR/x.gguf: metadata 'tokenizer.ggml.tokens' is not a list of texts" + again},
      {"token type out of range",
       toy()
           .raw("tokenizer.ggml.token_type", 9, list(11, 1, made::bytes(std::int64_t{1} << 40)))
           .file(0),
       "DIR/x.gguf: a token's type is out of range" + again},
  }));
  INFO(row.what);
  const made::Folder folder;
  const auto path = folder.write("x.gguf", row.bytes);
  REQUIRE(made::refusal(folder, [&] { source::Checkpoint::open(path, mappings()); }) == row.line);
}

TEST_CASE("a mapping that is not understood is refused by its place", "[source][gguf]") {
  const std::string fix = ": fix the manifest's \"gguf\"";
  REQUIRE(mapping_refusal("[]") == "manifest.json: gguf is not an object" + fix);
  REQUIRE(mapping_refusal(R"({"a":{}})") == "manifest.json: gguf.a has no model_type" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":1}})") ==
          "manifest.json: gguf.a has a 'model_type' that is not text" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":"a","x":1}})") ==
          "manifest.json: gguf.a has an unknown key 'x'" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":"a","config":{"k":{"kye":"x"}}}})") ==
          "manifest.json: gguf.a.config.k has an unknown key 'kye'" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":"a","config":{"k":{"optional":1}}}})") ==
          "manifest.json: gguf.a.config.k has 'optional' that is not a flag" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":"a","joined":{"x":"y"}}})") ==
          "manifest.json: gguf.a.joined has 'x' that are not a list" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":"a","names":{"x":"t","y":"t"}}})") ==
          "manifest.json: gguf.a maps 't' twice" + fix);
  REQUIRE(mapping_refusal(R"({"a":{"model_type":"a","equal":[["x"]]}})") ==
          "manifest.json: gguf.a has an 'equal' that is not of pairs" + fix);
}

TEST_CASE("a quantized tensor without a codec is refused before a byte is written",
          "[source][import]") {
  const made::Folder folder;
  const auto path = folder.write("x.gguf", toy().tensor("e", {32}, 3, 0).file(32));
  const auto checkpoint = source::Checkpoint::open(path, mappings());
  REQUIRE(made::refusal(folder, [&] {
            source::import_checkpoint(checkpoint, folder.path("out"), {});
          }) == "DIR/x.gguf: tensor 'm.e' is Q4_1, which no codec expands: add the codec's plugin");
  REQUIRE(!std::filesystem::exists(folder.path("out")));
}
