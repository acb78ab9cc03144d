#include "core/source/dense_rows.hpp"

#include <bit>
#include <catch2/catch.hpp>

#include "core/source/dtype.hpp"
#include "core/source/safetensors.hpp"
#include "tests/sdk/core/source/blocks.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;
using source::Tensor;

namespace {

using Floats = std::vector<float>;

// A checkpoint with one tensor `x` of that dtype and shape, whose elements are 0, 1, 2 and so on.
class Numbered {
 public:
  Numbered(strata_dtype dtype, std::vector<int64_t> shape) {
    std::string data;
    const auto count = static_cast<int>(element_count(shape));
    for (int i = 0; i < count; ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(i));
      data += same(dtype, source::f32) ? made::bytes(bits)
                                       : made::bytes(static_cast<std::uint16_t>(bits >> 16));
    }
    Tensor tensor{.name = "x", .shape = shape};
    tensor.stored = source::dense_form(dtype, shape);
    folder_.write("config.json", "{}");
    const auto path =
        folder_.write("x.safetensors", source::safetensors_header(std::span(&tensor, 1)) + data);
    checkpoint_.emplace(source::Checkpoint::open(path));
  }

  const source::Checkpoint& checkpoint() const { return *checkpoint_; }
  Tensor tensor(std::vector<source::Step> steps) const {
    auto out = *checkpoint_->find("x");
    out.steps = std::move(steps);
    return out;
  }

 private:
  made::Folder folder_;
  std::optional<source::Checkpoint> checkpoint_;
};

// All elements, `some` steps at a time.
Floats all_of(source::DenseRows rows, std::uint64_t some) {
  Floats out;
  for (std::uint64_t first = 0; first < rows.elements();) {
    const auto count = std::min(some * rows.step(), rows.elements() - first);
    const auto bytes = rows.read(first, count);
    REQUIRE(bytes.size() == count * sizeof(float));
    out.resize(first + count);
    std::memcpy(&out[first], bytes.data(), bytes.size());
    first += count;
  }
  return out;
}

// The element of stored index f(row, column) at each place.
template <class F>
Floats expected(int rows, int columns, F f) {
  Floats out;
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) out.push_back(static_cast<float>(f(r, c)));
  return out;
}

}  // namespace

TEST_CASE("rows of a tensor without steps are the file's, in any pieces", "[source][dense_rows]") {
  const Numbered of(source::bf16, {6, 5});
  const auto some = GENERATE(1, 7, 100);
  const std::vector<int64_t> shape{6, 5};
  REQUIRE(all_of({of.checkpoint(), of.tensor({}), shape, source::f32}, some) ==
          expected(6, 5, [](int r, int c) { return r * 5 + c; }));
}

TEST_CASE("a tensor's own dtype passes unchanged", "[source][dense_rows]") {
  const Numbered of(source::bf16, {2, 3});
  const std::vector<int64_t> shape{2, 3};
  source::DenseRows rows(of.checkpoint(), of.tensor({}), shape, source::bf16);
  const auto bytes = rows.read(4, 2);
  REQUIRE(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) ==
          made::bytes<std::uint16_t>(0x4080) + made::bytes<std::uint16_t>(0x40a0));
}

TEST_CASE("transposed matrices are read by rows of the run form", "[source][dense_rows]") {
  const auto dtype = GENERATE(source::f32, source::bf16);
  const Numbered of(dtype, {6, 4});  // two matrices [3,4] in the file: [4,3] each as they run
  const auto some = GENERATE(1, 3, 8);
  const std::vector<int64_t> shape{8, 3};
  REQUIRE(all_of({of.checkpoint(), of.tensor({source::Transpose{2}}), shape, source::f32}, some) ==
          expected(8, 3, [](int r, int c) { return (r / 4 * 3 + c) * 4 + r % 4; }));
}

TEST_CASE("reordered rows return to their order", "[source][dense_rows]") {
  const Numbered of(source::f32, {12, 2});
  const source::Reorder order{.blocks = 1, .outer = 2, .inner = 3};
  const auto some = GENERATE(1, 5, 12);
  const std::vector<int64_t> shape{12, 2};
  // [outer][inner][rest] in the file, [inner][outer][rest] as they run; a rest has 2 rows.
  REQUIRE(all_of({of.checkpoint(), of.tensor({order}), shape, source::f32}, some) ==
          expected(12, 2, [](int r, int c) {
            const int inner = r / 4, outer = r / 2 % 2, rest = r % 2;
            return (outer * 6 + inner * 2 + rest) * 2 + c;
          }));
}

TEST_CASE("a slice has every so many rows, of a transposed matrix too", "[source][dense_rows]") {
  const Numbered of(source::f32, {6, 6});
  const source::Slice slice{.all = 6, .first = 1, .step = 2};
  const std::vector<int64_t> shape{3, 6};
  CHECK(all_of({of.checkpoint(), of.tensor({slice}), shape, source::f32}, 2) ==
        expected(3, 6, [](int r, int c) { return (1 + 2 * r) * 6 + c; }));
  CHECK(all_of({of.checkpoint(), of.tensor({source::Transpose{}, slice}), shape, source::f32}, 2) ==
        expected(3, 6, [](int r, int c) { return c * 6 + 1 + 2 * r; }));
}

TEST_CASE("joined pieces take turns, and a number is added to one", "[source][dense_rows]") {
  const Numbered of(source::bf16, {8, 3});
  auto one = source::rows(of.tensor({}), 0, 2), other = source::rows(of.tensor({}), 2, 6);
  other.steps.push_back(source::Add{100});
  const auto whole = source::joined("x", 2, {one, other});
  const std::vector<int64_t> shape{8, 3};
  const auto some = GENERATE(1, 3, 8);
  REQUIRE(all_of({of.checkpoint(), whole, shape, source::f32}, some) ==
          expected(8, 3, [](int r, int c) {
            const int block = r / 4, within = r % 4;
            if (within == 0) return block * 3 + c;
            return 100 + (2 + block * 3 + within - 1) * 3 + c;
          }));
}

TEST_CASE("a factor multiplies each element once, of a transposed matrix too",
          "[source][dense_rows]") {
  const auto dtype = GENERATE(source::f32, source::bf16);
  const Numbered of(dtype, {6, 4});
  const std::vector<int64_t> shape{6, 4}, other{4, 6};
  CHECK(all_of({of.checkpoint(), of.tensor({source::Multiply{0.5}}), shape, source::f32}, 4) ==
        expected(6, 4, [](int r, int c) { return (r * 4 + c) * 0.5; }));
  CHECK(all_of({of.checkpoint(), of.tensor({source::Multiply{-3}, source::Transpose{}}), other,
                source::f32},
               4) == expected(4, 6, [](int r, int c) { return -3 * (c * 4 + r); }));
}

TEST_CASE("blocks are expanded row by row, in the file's rows or columns", "[source][dense_rows]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  std::string data;
  for (int row = 0; row < 3; ++row)
    for (int block = 0; block < 2; ++block) {
      data += made::bytes<std::uint16_t>(0x3c00);  // a scale of 1
      for (int i = 0; i < 32; ++i) data += static_cast<char>(row * 32 + block * 8 + i / 8);
    }
  const std::string header = R"({"x":{"dtype":"U8","shape":[3,68],"data_offsets":[0,204]}})"
                             "  ";
  auto file = made::safetensors(header, 0);
  const auto checkpoint = source::Checkpoint::open(folder.write("x.safetensors", file + data));
  auto x = *checkpoint.find("x");
  x.shape = {3, 64};
  x.stored.scheme = "Q8_0";
  const auto value = [](int row, int c) { return row * 32 + c / 32 * 8 + c % 32 / 8; };
  const std::vector<int64_t> shape{3, 64}, turned{64, 3};
  CHECK(all_of({checkpoint, x, shape, source::f32, made::expand}, 2) == expected(3, 64, value));
  x.steps = {source::Transpose{}};
  CHECK(all_of({checkpoint, x, turned, source::f32, made::expand}, 10) ==
        expected(64, 3, [&](int r, int c) { return value(c, r); }));
  CHECK(made::refusal(folder, [&] { source::DenseRows(checkpoint, x, shape, source::f32); }) ==
        "tensor 'x': is Q8_0, which no codec expands: use another file of the model");
}

TEST_CASE("a weight in several tensors is expanded whole", "[source][dense_rows]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  std::string codes;
  for (char code = 0; code < 12; ++code) codes += code;
  const auto checkpoint = source::Checkpoint::open(folder.write(
      "x.safetensors",
      made::safetensors(R"({"codes":{"dtype":"U8","shape":[3,4],"data_offsets":[0,12]},)"
                        R"("scale":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
                        0) +
          codes + made::bytes(std::bit_cast<std::uint32_t>(0.5F))));
  Tensor x{.name = "x", .shape = {3, 4}};
  for (const auto* role : {"codes", "scale"}) {
    auto part = checkpoint.find(role)->stored.parts.front();
    part.role = role;
    x.stored.parts.push_back(part);
  }
  x.stored.scheme = "two parts";
  x.stored.by_rows = false;
  const std::vector<int64_t> shape{3, 4};
  const auto value = [](int row, int c) { return static_cast<float>(row * 4 + c) / 2; };
  for (const std::uint64_t some : {1U, 5U, 12U})
    CHECK(all_of({checkpoint, x, shape, source::f32, made::expand}, some) == expected(3, 4, value));
  x.steps = {source::Multiply{4}};
  CHECK(all_of({checkpoint, x, shape, source::f32, made::expand}, 4) ==
        expected(3, 4, [&](int row, int c) { return 4 * value(row, c); }));
  x.steps = {source::Transpose{}};
  CHECK(made::refusal(
            folder, [&] { source::DenseRows(checkpoint, x, shape, source::f32, made::expand); }) ==
        "tensor 'x': is two parts in several tensors, which is not transposed: use another "
        "file of the model");
}

TEST_CASE("what is no number, and what is no row, is refused by name", "[source][dense_rows]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  const auto checkpoint = source::Checkpoint::open(folder.write(
      "x.safetensors",
      made::safetensors(R"({"x":{"dtype":"I32","shape":[2,3],"data_offsets":[0,24]}})", 24)));
  const auto x = *checkpoint.find("x");
  const std::vector<int64_t> shape{2, 3};
  CHECK(made::refusal(folder, [&] { source::DenseRows(checkpoint, x, shape, source::f32); }) ==
        "tensor 'x': holds I32, which is not read as F32: use another file of the model");
  source::DenseRows same(checkpoint, x, shape, source::i32);
  CHECK(same.read(0, 6).size() == 24);
  CHECK(made::refusal(folder, [&] { same.read(4, 3); }) ==
        "tensor 'x': elements 4 to 7 are no rows of its 6: this is a mistake in Strata");
}
