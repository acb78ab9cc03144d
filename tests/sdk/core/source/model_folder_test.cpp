#include <catch2/catch.hpp>

#include "core/source/checkpoint.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

TEST_CASE("what lies in a model's place is said", "[source][checkpoint]") {
  const auto refused_with = [&](const std::vector<std::pair<std::string, std::string>>& files) {
    const made::Folder own;
    for (const auto& [name, bytes] : files) own.write(name, bytes);
    return made::refusal(own, [&] { source::Checkpoint::open(own.path()); });
  };
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4920734272\n";
  const std::string pull =
      " is a pointer of Git LFS and not the file itself: run `git lfs pull` in its folder, or "
      "fetch "
      "it with `strata download`";
  for (const auto* name :
       {"model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"})
    REQUIRE(refused_with({{"config.json", "{}"}, {name, pointer}}) ==
            "DIR/" + std::string(name) + ":" + pull);
  REQUIRE(refused_with({{"config.json", pointer}, {"model.safetensors", pointer}}) ==
          "DIR/config.json:" + pull);
  REQUIRE(refused_with({{"x.gguf", pointer}}) == "DIR/x.gguf:" + pull);
  REQUIRE(refused_with({{"x.gguf", "\n<!DOCTYPE html>\n<html></html>"}}) ==
          "DIR/x.gguf: is a web page and not the file itself: fetch the file from its download "
          "link, or with `strata download`");
  REQUIRE(refused_with({{"adapter_config.json", R"({"base_model_name_or_path":"org/base"})"},
                        {"adapter_model.safetensors", "x"}}) ==
          "DIR: is a PEFT adapter (adapter_config.json), not a whole model; its base model is "
          "'org/base': give the base model as MODEL, and this folder with --adapter");
  REQUIRE_THAT(refused_with({{"params.json", "{}"}, {"consolidated.safetensors", ""}}),
               Catch::StartsWith("DIR: is in the layout of the maker's own programs"));
  REQUIRE_THAT(refused_with({{"config.json", "{}"}, {"tf_model.h5", ""}}),
               Catch::StartsWith("DIR: holds weights of TensorFlow, which are not read"));
  REQUIRE(refused_with({{"config.json", "{}"}, {"model-00001-of-00002.safetensors", ""}}) ==
          "DIR: has no model.safetensors, pytorch_model.bin or index of either, but "
          "'model-00001-of-00002.safetensors': give the one file, or fetch the index that the "
          "shards belong to");
  REQUIRE(refused_with({{"a.Q4.gguf", ""}, {"b.Q8.gguf", ""}}) ==
          "DIR: holds several GGUF models: 'a.Q4.gguf', 'b.Q8.gguf': give one of the files");
  REQUIRE(refused_with({{"mmproj-a.gguf", ""}, {"b.Q8.gguf", ""}, {"imatrix.gguf", ""}}) ==
          "DIR/b.Q8.gguf: is not a GGUF file: check the path");
}
