// Dense weights of 16 bits that a model computes with in float32: they keep their 16 bits in
// memory, and products widen them in registers. A weight is one part, its elements.
#include <kernels/block_products.hpp>
#include <optional>
#include <strata/quant.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "../gguf/floats.hpp"

namespace {

namespace kernels = strata::kernels;
using strata::Memory, strata::same;

constexpr strata_dtype brain{STRATA_BFLOAT, 16, 1}, half{STRATA_FLOAT, 16, 1};

// Calls f(T*) for the elements of a dense weight or a part.
template <class F>
void over_elements(const Memory& memory, F&& f) {
  if (same(memory.dtype, {STRATA_FLOAT, 32, 1})) return f(memory.as<float>());
  if (same(memory.dtype, {STRATA_FLOAT, 64, 1})) return f(memory.as<double>());
  if (same(memory.dtype, half)) return f(memory.as<gguf::Half>());
  if (same(memory.dtype, brain)) return f(memory.as<gguf::Brain>());
  throw strata::Failure(STRATA_INVALID, "a weight is float16, bfloat16, float32 or float64");
}

struct Codec {
  static int32_t score(std::string_view scheme, const strata::Config*) {
    return dtype_of(scheme) ? 100 : 0;
  }

  Codec(std::string_view scheme, const strata::Config*) {
    const auto dtype = dtype_of(scheme);
    if (!dtype)
      throw strata::Failure(
          STRATA_INVALID, std::string(scheme) + ": no scheme of this codec: it knows BF16 and F16");
    dtype_ = *dtype;
  }

  std::vector<strata::Part> parts(strata_dtype, std::span<const int64_t> shape) const {
    const auto block = kernels::size_of(block_of()).elements;
    if (shape.empty() || shape.back() % block != 0)
      throw strata::Failure(STRATA_INVALID,
                            "rows of " + std::to_string(shape.empty() ? 1 : shape.back()) +
                                " elements are no whole blocks of " + std::to_string(block));
    return {{"elements", dtype_, {shape.begin(), shape.end()}, 0}};
  }

  void pack(const strata_call&, const Memory& weight, std::span<const Memory> given) const {
    check(weight, given);
    copy(weight, given[0]);
  }

  void unpack(const strata_call&, std::span<const Memory> given, const Memory& weight) const {
    check(weight, given);
    copy(given[0], weight);
  }

  bool can(const strata::ProductKind& kind) const {
    // Numbers of 16 bits are multiplied as they are by the host itself.
    return same(kind.dtype, {STRATA_FLOAT, 32, 1}) && kind.tokens <= kernels::most_tokens &&
           kernels::multiplies(block_of(), kind);
  }

  uint64_t workspace(const strata::ProductKind& kind) const {
    if (!can(kind)) return 0;
    return kernels::workspace({block_of(), nullptr, kind.weight[0], kind.weight[1]}, kind.tokens,
                              kernels::products_of(kind.fast));
  }

  void linear(const strata_call&, std::span<const Memory> given,
              const strata::Product& product) const {
    kernels::multiply(block_of(), elements_of(given, product), product);
  }

  void linear_grouped(const strata_call&, const strata::GroupedProduct& product) const {
    const auto weights = kernels::shares_of(
        product, [&](std::span<const Memory> given) { return elements_of(given, product); });
    kernels::multiply(block_of(), weights, product);
  }

 private:
  // The elements of a weight of the product.
  template <class Product>
  const std::byte* elements_of(std::span<const Memory> given, const Product& product) const {
    const auto &x = product.x, &y = product.y;
    if (x.shape.size() != 2 || y.shape.size() != 2 || x.shape[0] != y.shape[0] ||
        given.size() != 1 || !same(given[0].dtype, dtype_) ||
        given[0].elements() != y.shape[1] * x.shape[1] || !given[0].on_host())
      throw strata::Failure(STRATA_INVALID, "the part is not a weight [out,in] of x and y");
    return given[0].as<const std::byte>();
  }

  static std::optional<strata_dtype> dtype_of(std::string_view scheme) {
    if (scheme == "BF16") return brain;
    if (scheme == "F16") return half;
    return std::nullopt;
  }

  kernels::Block block_of() const {
    return same(dtype_, brain) ? kernels::Block::bf16 : kernels::Block::f16;
  }

  void check(const Memory& weight, std::span<const Memory> given) const {
    if (given.size() != 1 || !same(given[0].dtype, dtype_) ||
        given[0].elements() != weight.elements())
      throw strata::Failure(STRATA_INVALID, "the part is not the weight's elements");
    if (!weight.on_host() || !given[0].on_host())
      throw strata::Failure(STRATA_UNIMPLEMENTED, "weights are converted in host memory only");
  }

  static void copy(const Memory& from, const Memory& to) {
    over_elements(from, [&](const auto* source) {
      over_elements(to, [&]<class T>(T* target) {
        for (int64_t i = 0, all = to.elements(); i < all; ++i)
          target[i] = gguf::from_float<T>(gguf::to_float(source[i]));
      });
    });
  }

  strata_dtype dtype_{};
};

}  // namespace

STRATA_QUANT_PLUGIN(Codec, "floats16", "1.0.0");
