#include "core/source/resized.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/core/source/made.hpp"

using namespace strata;
using Floats = std::vector<float>;

namespace {

constexpr auto header = R"({"a": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
                            "b": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
                            "c": {"dtype": "I32", "shape": [2], "data_offsets": [32, 40]}})";

std::string numbers(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += made::bytes(static_cast<float>(i * i));
  return out;
}

std::shared_ptr<const source::Checkpoint> opened(const made::Folder& folder) {
  folder.write("config.json", "{}");
  folder.write("model.safetensors", made::sized(header) + numbers(10));
  return std::make_shared<const source::Checkpoint>(source::Checkpoint::open(folder.path()));
}

Floats values(const source::Checkpoint& checkpoint, const char* name, std::uint64_t first = 0) {
  const auto& tensor = *checkpoint.find(name);
  Floats out(static_cast<std::size_t>(source::elements(tensor)) - first);
  checkpoint.read(tensor, first * sizeof(float), std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace

TEST_CASE("new rows are the mean of the old ones, and the last rows are left out", "[source]") {
  const made::Folder folder;
  const auto from = opened(folder);
  const auto tall = from->with_made({source::resized(from, *from->find("a"), 5)});
  CHECK(tall.find("a")->shape == std::vector<std::int64_t>{5, 2});
  const float x = 20.0F / 3, y = 35.0F / 3;
  CHECK(values(tall, "a") == Floats{0, 1, 4, 9, 16, 25, x, y, x, y});
  CHECK(values(tall, "a", 5) == Floats{25, x, y, x, y});
  CHECK(values(tall, "a", 7) == Floats{y, x, y});
  CHECK(values(tall, "b") == Floats{36, 49});
  CHECK(tall.is_made(tall.find("a")->stored.file()));
  CHECK_FALSE(tall.is_made(tall.find("b")->stored.file()));
  CHECK(values(from->with_made({source::resized(from, *from->find("a"), 2)}), "a") ==
        Floats{0, 1, 4, 9});
  // Each made tensor has bytes of its own.
  const auto both = tall.with_made({source::resized(from, *from->find("b"), 3)});
  CHECK(values(both, "b") == Floats{36, 49, 42.5F});
  CHECK(values(both, "a", 8) == Floats{x, y});
}

TEST_CASE("rows that are no floating numbers are not resized", "[source]") {
  const made::Folder folder;
  const auto from = opened(folder);
  CHECK(made::refusal(folder, [&] { source::resized(from, *from->find("c"), 3); }) ==
        "DIR: the rows of 'c' do not lie together as plain numbers: resize the embedding with "
        "`strata import`, and give what that makes");
}

TEST_CASE("a file of weights has the configuration and the tokenizer of another folder",
          "[source]") {
  const made::Folder folder;
  opened(folder);
  const auto file = folder.write("w.safetensors", made::sized(header) + numbers(10));
  const auto home = source::Checkpoint::of_config("home", "{\"a\": 1}", "home/config.json");
  CHECK(home.folder() == "home");
  CHECK(home.tensors().empty());
  const auto whole = home.with_file(file);
  CHECK(whole.folder() == "home");
  CHECK(whole.config() == "{\"a\": 1}");
  CHECK(whole.path() == file);
  CHECK(values(whole, "b") == Floats{36, 49});
  CHECK(whole.without_tensors().find("b") == nullptr);
  CHECK(whole.with_config("{}").config() == "{}");
  CHECK(made::refusal(folder, [&] { home.with_file("w.txt"); }) ==
        "w.txt: is no file of weights: give a .safetensors, .bin, .pt or .pth file");
}
