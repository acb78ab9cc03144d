#include "core/source/import.hpp"

#include <catch2/catch.hpp>

#include "core/json.hpp"
#include "tests/sdk/core/source/blocks.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

source::GgufMappings mappings() {
  const auto manifest = parse_json(made::read(STRATA_MANIFESTS "/llama/manifest.json"), "");
  return source::gguf_mappings(manifest.at("gguf"), "manifest.json");
}

const std::string real = STRATA_REAL_GGUF;

source::ImportOptions options() { return {.expand = made::expand}; }

}  // namespace

TEST_CASE("config.json out of GGUF says what transformers reads there", "[source][gguf]") {
  const made::Folder folder;
  made::python("make_llamas.py", {folder.path()});
  const auto cases = parse_json(made::read(folder.path("cases.json")), "cases");
  REQUIRE(cases.size() > 10);
  for (const auto& [name, value] : cases.items()) {
    const auto checkpoint = source::Checkpoint::open(folder.path(name + ".gguf"), mappings());
    std::filesystem::create_directory(folder.path(name));
    folder.write(name + "/config.json", checkpoint.config());
    CHECK(checkpoint.find("rope_freqs.weight") == nullptr);
  }
  std::filesystem::create_directory(folder.path("real"));
  folder.write("real/config.json", source::Checkpoint::open(real, mappings()).config());
  REQUIRE_NOTHROW(made::python("check_configs.py", {folder.path(), folder.path("real"), real}));
}

TEST_CASE("an imported folder is tensor for tensor what transformers reads of GGUF",
          "[source][import]") {
  const made::Folder folder;
  made::python("make_llamas.py", {folder.path()});
  for (const std::string name : {"plain", "tied"}) {
    const auto gguf = folder.path(name + ".gguf");
    const auto checkpoint = source::Checkpoint::open(gguf, mappings());
    source::import_checkpoint(checkpoint, folder.path(name), options());
    REQUIRE_NOTHROW(made::python("check_import.py", {folder.path(name), gguf}));
  }
}

TEST_CASE("the real model is imported tensor for tensor", "[source][import][slow]") {
  const made::Folder folder;
  std::uint64_t last = 0, whole = 0;
  auto with = options();
  with.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done > last);
    last = done;
    whole = total;
  };
  source::import_checkpoint(source::Checkpoint::open(real, mappings()), folder.path("out"), with);
  REQUIRE(last == whole);
  REQUIRE_NOTHROW(made::python("check_import.py", {folder.path("out"), real}));
}

TEST_CASE("the vocabulary is what the gguf package reads", "[source][gguf]") {
  const made::Folder folder;
  made::python("gguf_vocabulary.py", {real, folder.path("v.json")});
  const auto wanted = parse_json(made::read(folder.path("v.json")), "v.json");
  const auto checkpoint = source::Checkpoint::open(real, mappings());
  REQUIRE(checkpoint.vocabulary());
  const auto& ours = *checkpoint.vocabulary();
  REQUIRE(ours.model == wanted["model"]);
  REQUIRE(ours.pre == wanted["pre"]);
  REQUIRE((ours.tokens == wanted["tokens"].get<std::vector<std::string>>()));
  REQUIRE((ours.merges == wanted["merges"].get<std::vector<std::string>>()));
  REQUIRE((ours.types == wanted["types"].get<std::vector<std::int32_t>>()));
  REQUIRE(ours.bos == wanted["bos"].get<int>());
  REQUIRE(ours.eos == wanted["eos"].get<int>());
  REQUIRE(ours.unk == wanted["unk"].get<int>());
  REQUIRE(ours.pad == wanted["pad"].get<int>());
  REQUIRE(ours.add_bos == wanted["add_bos"].get<bool>());
  REQUIRE(!ours.add_eos);
  REQUIRE(ours.chat_templates.at("default") == wanted["chat_template"]);
}

TEST_CASE("a folder appears whole or not at all", "[source][import]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const auto checkpoint = source::Checkpoint::open(folder.write(
      "x.safetensors",
      made::safetensors(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24)));
  const auto line = [&](const std::string& name, const source::ImportOptions& with) {
    return made::refusal(folder,
                         [&] { source::import_checkpoint(checkpoint, folder.path(name), with); });
  };
  REQUIRE(line("x.safetensors", {}) == "DIR/x.safetensors: is a file: give a new folder");
  std::filesystem::create_directory(folder.path("full"));
  folder.write("full/y", "");
  REQUIRE(line("full", {}) == "DIR/full: is a folder that is not empty: give a new folder");
  source::ImportOptions evil;
  evil.extra = {{"../y", ""}};
  REQUIRE(line("out", evil) == "DIR/out: '../y' is not a plain file name: name it otherwise");
  source::ImportOptions stopped;
  stopped.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("stopped"); };
  REQUIRE(line("out", stopped) == "stopped");
  REQUIRE(
      line("none/out", {})
          .ends_with(
              "creating failed: No such file or directory: check the folder or write elsewhere"));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    CHECK((entry.path().filename() == "config.json" || entry.path().filename() == "full" ||
           entry.path().filename() == "x.safetensors"));
  std::filesystem::create_directory(folder.path("empty"));
  source::ImportOptions with;
  with.extra = {{"tokenizer.json", "{}"}};
  REQUIRE(line("empty/", with) == "");
  REQUIRE(made::read(folder.path("empty/tokenizer.json")) == "{}");
  REQUIRE(source::Checkpoint::open(folder.path("empty")).find("a"));
}
