#include "data/load.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "made.hpp"
#include "tests/folder.hpp"

using namespace strata;
using namespace strata::data;
using Catch::Contains;

namespace {

Loaded load(const std::vector<std::filesystem::path>& paths,
            EncodeOptions options = plain_options()) {
  static const auto chat = template_of(chatml);
  const RowEncoder encoder(
      bytes_tokenizer(), []() -> const text::ChatTemplate& { return chat; }, options);
  return load_rows({paths.begin(), paths.end()}, encoder);
}

}  // namespace

TEST_CASE("files of all kinds give rows in their order", "[data]") {
  const test::Folder files;
  const auto loaded = load(
      {files.write("a.JSONL", "{\"text\": \"ab\"}\n{\"prompt\": \"p\", \"completion\": \"c\"}\n"),
       files.write("b.json", R"([{"text": "cd"}])"),
       files.write("c.csv", "instruction,output\ni,o\n"), files.write("d.txt", "ef\n\ngh\n")});
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < loaded.rows.size(); ++row)
    rows.push_back(marked(loaded.rows, row));
  REQUIRE(rows == std::vector<std::string>{"a[b</s>]", "p[c</s>]", "c[d</s>]",
                                           "### Instruction:\ni\n\n### Response:\n[o</s>]",
                                           "e[f</s>]", "g[h</s>]"});
  REQUIRE(loaded.counts.rows == 6);
  REQUIRE(loaded.counts.kept == 6);
  REQUIRE(loaded.counts.scored_tokens == 12);
  // sha256sum of the bytes
  REQUIRE(loaded.files[1].sha256 ==
          "6f9e4461debd86db693885d9631fcec1870376870ef2d6a61a09ec80910b2641");
  REQUIRE(loaded.rows.sha256() == load({loaded.files[0].path, loaded.files[1].path,
                                        loaded.files[2].path, loaded.files[3].path})
                                      .rows.sha256());
  REQUIRE(loaded.rows.sha256() != load({loaded.files[0].path}).rows.sha256());
}

TEST_CASE("rows that are cut or score nothing are counted", "[data]") {
  const test::Folder files;
  const auto path = files.write("a.jsonl", R"({"text": "abcdefgh"}
{"prompt": "abcdefgh", "completion": "i"}
{"messages": [{"role": "assistant", "content": "x", "weight": 0}]}
{"text": "ab"}
)");
  auto options = plain_options();
  options.max_length = 5;
  const auto counts = load({path}, options).counts;
  REQUIRE(counts.rows == 4);
  REQUIRE(counts.kept == 2);
  REQUIRE(counts.truncated == 1);
  REQUIRE(counts.cut_unscored == 1);
  REQUIRE(counts.unscored == 1);
  REQUIRE(counts.cut_tokens == 4 + 5);
  REQUIRE(counts.tokens == 5 + 3);
}

TEST_CASE("data of which nothing is scored is refused", "[data]") {
  const test::Folder files;
  REQUIRE_THROWS_WITH(load({files.write("a.jsonl", "")}), Contains("there are no rows"));
  const auto asked = files.write("b.jsonl", R"({"messages": [{"role": "user", "content": "x"}]})");
  REQUIRE_THROWS_WITH(load({asked}), Contains("nothing is scored in any of 1 rows"));
  auto options = plain_options();
  options.max_length = 2;
  const auto late = files.write("c.jsonl", R"({"prompt": "abc", "completion": "d"})");
  REQUIRE_THROWS_WITH(load({late}, options), Contains("lies behind --max-length"));
}

TEST_CASE("a row that is refused is named by file and line", "[data]") {
  const test::Folder files;
  REQUIRE_THROWS_WITH(load({files.write("a.jsonl", "{\"text\": \"a\"}\n\n{\"x\": 1}\n")}),
                      Contains("a.jsonl:3: no known row has the keys x"));
  REQUIRE_THROWS_WITH(
      load({files.write("b.jsonl", R"({"messages": [{"role": "user", "content": 3}]})")}),
      Contains("b.jsonl:1: template: line 2") && !Contains("--chat "));
  REQUIRE_THROWS_WITH(load({files.write("c.xml", "")}), Contains("c.xml: the name of a data file"));
  REQUIRE_THROWS_AS(load({(files.path() / "none.jsonl").string()}), Error);
}

TEST_CASE("a token that the model's table does not have is refused by file, line and text",
          "[data]") {
  const test::Folder files;
  const auto at_end = id_of("<|im_end|>");
  const auto path = files.write("a.jsonl", R"({"text": "ab"}
{"prompt": "<|im_start|>a", "completion": "b"}
)");
  auto options = plain_options();
  options.known = at_end + 1;
  REQUIRE(load({path}, options).counts.kept == 2);
  options.known = id_of("<|im_start|>");
  REQUIRE_THROWS_WITH(
      load({path}, options),
      Contains(
          "a.jsonl:2: its token 259, '<|im_start|>', has no row in the model's table of 259") &&
          Contains("--resize-embeddings"));
  // Tokens that are cut off, and rows without a scored one, are not looked up.
  options.max_length = 3;
  const auto late = files.write("b.jsonl", R"({"text": "abc<|im_start|>"}
{"messages": [{"role": "user", "content": "x"}]}
)");
  REQUIRE(load({late}, options).counts.kept == 1);
  // So is the token that is added at the end.
  options.max_length = 8;
  options.known = *options.eos;
  REQUIRE_THROWS_WITH(load({files.write("c.jsonl", R"({"text": "a"})")}, options),
                      Contains("c.jsonl:1: its token 257, '</s>',"));
}

TEST_CASE("pairs whose tokens or padding the model's table does not have are refused", "[data]") {
  const test::Folder files;
  auto options = plain_options();
  options.known = id_of("<end>");
  const auto refusal = [&](const char* row) {
    const RowEncoder encoder(bytes_tokenizer(), {}, options);
    const auto path = files.write("a.jsonl", row);
    try {
      load_pairs({path}, encoder);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(refusal(R"({"prompt": "p", "chosen": "a", "rejected": "b"})") == "accepted");
  for (const auto* row : {R"({"prompt": "p", "chosen": "<end>", "rejected": "b"})",
                          R"({"prompt": "p", "chosen": "a", "rejected": "<end>"})"})
    CHECK_THAT(refusal(row), Contains("a.jsonl:1: its token 258, '<end>', has no row"));
  // The longer row loses its end; the shorter one is padded with it.
  options.max_length = 3;
  options.ends = {};
  options.eos = 300;
  CHECK_THAT(refusal(R"({"prompt": "p", "chosen": "abcd", "rejected": "efgh"})"),
             Contains("accepted"));
  options.eos = id_of("<end>");
  options.max_length = 4;
  CHECK_THAT(refusal(R"({"prompt": "p", "chosen": "abcd", "rejected": "ef"})"),
             Contains("its token 258"));
}

TEST_CASE("Parquet is read by the library that is given for it", "[data]") {
  const test::Folder files;
  const auto path = files.write("a.Parquet", "[1]").string();
  const RowEncoder encoder(bytes_tokenizer(), {}, plain_options());
  REQUIRE_THROWS_WITH(load_rows({path}, encoder),
                      Contains("a.Parquet: Parquet needs the library libstrata-parquet") &&
                          Contains("convert the file to .jsonl"));
  // Another library, which takes the bytes for JSON.
  const auto open = [](ByteInput& input, const std::string& file) {
    return json_records(input, file, false);
  };
  REQUIRE_THROWS_WITH(load_rows({path}, encoder, open), Contains("a.Parquet:1: a row is no"));
}

TEST_CASE("pairs keep the same prompt in both rows", "[data]") {
  const test::Folder files;
  const auto path = files.write("a.jsonl", R"({"prompt": "p", "chosen": "ab", "rejected": "c"}
{"prompt": "abcdefg", "chosen": "x", "rejected": "y"}
{"prompt": "p", "chosen": "abcdefgh", "rejected": "abcdeXYZ"}
)");
  auto options = plain_options();
  options.max_length = 6;
  const RowEncoder encoder(bytes_tokenizer(), {}, options);
  const auto pairs = load_pairs({path}, encoder);
  REQUIRE(pairs.rows == 3);
  REQUIRE(pairs.cut == 1);
  REQUIRE(pairs.truncated == 1);
  REQUIRE(pairs.equal == 1);
  REQUIRE(marked(pairs.chosen, 1) == "p[abcde]");
  REQUIRE(marked(pairs.chosen, 0) == "p[ab</s>]");
  REQUIRE(marked(pairs.rejected, 0) == "p[c</s>]");
  const auto equal = files.write("b.jsonl", R"({"prompt": "p", "chosen": "a", "rejected": "a"}
{"prompt": "p", "chosen": "abcdefgh", "rejected": "abcdeXYZ"}
)");
  REQUIRE_THROWS_WITH(load_pairs({equal}, encoder),
                      Contains("no pair of 2 has answers that differ within --max-length"));
}
