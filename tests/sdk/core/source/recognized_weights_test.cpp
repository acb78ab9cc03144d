#include "core/source/recognized_weights.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "core/error.hpp"
#include "core/source/dtype.hpp"

using namespace strata;
using source::Tensor;

namespace {

Tensor tensor(std::string name, strata_dtype dtype, std::vector<int64_t> shape) {
  Tensor out{.name = std::move(name), .shape = std::move(shape)};
  const auto bytes = element_count(out.shape) * element_bytes(dtype);
  out.stored = source::dense_form(dtype, out.shape, {0, 100, bytes});
  return out;
}

source::PackedNames names() {
  return source::packed_names(parse_json(R"({"mine": {"weight": "{}.weight", "parts": [
    {"role": "codes", "tensor": "{}.weight"}, {"role": "scales", "tensor": "{}.scale"},
    {"role": "order", "tensor": "{}.order", "optional": true},
    {"role": "state", "tensor": "{}.state", "optional": true, "read": true}]}})",
                                         "m"),
                              "manifest");
}

// The weights that were asked for, and their roles.
using Asked = std::map<std::string, std::vector<std::string>>;

source::Recognize recognize(Asked& asked) {
  return [&asked](const std::string& key, const std::string& weight,
                  std::span<const source::FoundPart> parts) {
    REQUIRE(key == "mine");
    auto& roles = asked[weight];
    for (const auto& part : parts) roles.push_back(part.role);
    return weight == "other.weight"
               ? std::nullopt
               : std::optional(source::RecognizedWeight{"mine 4", {6, 8}, false});
  };
}

std::vector<std::byte> no_bytes(const Tensor& one) {
  return std::vector<std::byte>(one.stored.bytes, std::byte{7});
}

}  // namespace

TEST_CASE("a weight is joined of the tensors in which its plugin recognizes it",
          "[source][recognized_weights]") {
  const auto u8 = source::u8;
  std::vector<Tensor> all{tensor("a.scale", source::f16, {3}),
                          tensor("a.weight", u8, {4, 6}),
                          tensor("a.order", source::i32, {8}),
                          tensor("a.bias", source::f16, {6}),
                          tensor("dense.weight", source::f16, {6, 8}),
                          tensor("other.weight", u8, {4, 6}),
                          tensor("other.scale", u8, {1})};
  Asked asked;
  join_recognized(all, names(), recognize(asked), no_bytes);
  REQUIRE(asked ==
          Asked{{"a.weight", {"codes", "scales", "order"}}, {"other.weight", {"codes", "scales"}}});
  REQUIRE(all.size() == 5);
  const auto& made = all.back();
  CHECK(made.name == "a.weight");
  CHECK(made.shape == std::vector<int64_t>{6, 8});
  CHECK(made.as_used);
  CHECK(made.stored.scheme == "mine 4");
  CHECK_FALSE(made.stored.by_rows);
  REQUIRE(made.stored.parts.size() == 3);
  CHECK(made.stored.parts[1].at == 24);
  CHECK(made.stored.parts[2].at == 32);  // a multiple of 4 behind 24 + 6 bytes
  CHECK(made.stored.parts[2].shape == std::vector<int64_t>{8});
  CHECK(made.stored.bytes == 64);
  CHECK_THROWS_WITH(source::rows(made, 0, 2), Catch::Contains("lie apart: it is mine 4"));
  CHECK(source::rows(made, 0, 6).stored.bytes == 64);
}

TEST_CASE("a weight that lacks one required part is named with it",
          "[source][recognized_weights]") {
  const auto packed = source::packed_names(parse_json(R"({
    "mine": {"weight": "{}.weight", "parts": [
      {"role": "codes", "tensor": "{}.codes"}, {"role": "scales", "tensor": "{}.scale"},
      {"role": "zeros", "tensor": "{}.zero"}, {"role": "order", "tensor": "{}.order", "optional": true}]},
    "other": {"weight": "{}.weight", "parts": [
      {"role": "codes", "tensor": "{}.weight"}, {"role": "scales", "tensor": "{}.factor"}]}})",
                                                      "m"),
                                           "manifest");
  const auto found = [&](std::vector<Tensor> all) {
    std::vector<std::string> out;
    for (const auto& one : source::missing_parts(all, packed))
      out.push_back(one.tensor + " of " + one.weight);
    return out;
  };
  using Names = std::vector<std::string>;
  const auto f16 = source::f16, u8 = source::u8;
  CHECK(found({tensor("a.codes", u8, {4}), tensor("a.scale", f16, {1})}) ==
        Names{"a.zero of a.weight"});
  CHECK(found({tensor("a.zero", u8, {4}), tensor("a.scale", f16, {1}),
               tensor("b.weight", f16, {2, 2})}) == Names{"a.codes of a.weight"});
  CHECK(found({tensor("a.weight", u8, {4, 4})}) == Names{"a.factor of a.weight"});
  CHECK(found({tensor("a.factor", f16, {1})}) == Names{"a.weight of a.weight"});
  CHECK(found({tensor("a.scale", f16, {1}), tensor("a.order", u8, {4})}).empty());
  CHECK(found({tensor("a.weight", f16, {4, 4})}).empty());
  // It is whole in one scheme, whose plugin did not take it.
  CHECK(found({tensor("a.codes", u8, {4}), tensor("a.scale", f16, {1}), tensor("a.zero", u8, {1}),
               tensor("a.factor", f16, {1})})
            .empty());
  // Two schemes would lack other tensors.
  CHECK(
      found({tensor("a.codes", u8, {4}), tensor("a.scale", f16, {1}), tensor("a.factor", f16, {1})})
          .empty());
}

TEST_CASE("the bytes of a part are read where its manifest says so",
          "[source][recognized_weights]") {
  std::vector<Tensor> all{tensor("a.weight", source::u8, {4}), tensor("a.scale", source::f16, {1}),
                          tensor("a.state", source::u8, {5})};
  std::size_t bytes = 0;
  const auto sees = [&](const std::string&, const std::string&,
                        std::span<const source::FoundPart> parts) {
    for (const auto& part : parts) bytes += part.bytes.size();
    return std::optional<source::RecognizedWeight>();
  };
  join_recognized(all, names(), sees, no_bytes);
  CHECK(bytes == 5);
  CHECK(all.size() == 3);
  all[2] = tensor("a.state", source::u8, {source::longest_read + 1});
  CHECK_THROWS_WITH(join_recognized(all, names(), sees, no_bytes),
                    Catch::Contains("a.state") && Catch::Contains("too many"));
}

TEST_CASE("an entry for recognized weights is refused by its place",
          "[source][recognized_weights]") {
  struct Row {
    std::string json, line;
  };
  const auto row = GENERATE(values<Row>({
      {R"({"weight":"{}","parts":[{"role":"a","tensor":"{}.a","dtype":"U8"}]})",
       "parts.X.parts has an unknown key 'dtype'"},
      {R"({"weight":"{}","parts":[{"role":"a","tensor":"{}.a","read":1}]})",
       "parts.X.parts has a 'read' that is no flag"},
      {R"({"weight":"{}","parts":[{"role":"a","tensor":"{}.a","optional":true}]})",
       "parts.X has an optional first part"},
  }));
  REQUIRE_THROWS_WITH(source::packed_names(parse_json("{\"X\":" + row.json + "}", "m"), "manifest"),
                      "manifest: " + row.line + ": fix the manifest's \"parts\"");
}
