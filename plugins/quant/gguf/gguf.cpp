// The block formats of GGUF files. A weight [.., n] is one part, "blocks": bytes [.., n / 32 * b],
// as they lie in the file. F32, F16 and BF16 are dense and need no codec.
#include <algorithm>
#include <optional>
#include <strata/quant.hpp>
#include <type_traits>

#include "block_options.hpp"
#include "formats.hpp"
#include "kernels.hpp"
#include "pack.hpp"
#include "products.hpp"

namespace {

using gguf::AllFormats;
using strata::Memory;

strata::Failure refused(std::string_view scheme, const std::string& what) {
  return {STRATA_INVALID, std::string(scheme) + ": " + what};
}

// Calls f(T*) for the dense weight's element type.
template <class F>
void over_elements(std::string_view scheme, const Memory& weight, F&& f) {
  const auto [code, bits, lanes] = weight.dtype;
  if (lanes == 1 && code == STRATA_FLOAT && bits == 32) return f(weight.as<float>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 64) return f(weight.as<double>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 16) return f(weight.as<gguf::Half>());
  if (lanes == 1 && code == STRATA_BFLOAT && bits == 16) return f(weight.as<gguf::Brain>());
  throw refused(scheme, "a dense weight is float16, bfloat16, float32 or float64");
}

// The kernels' name for the type of the elements.
struct Named {
  gguf::Element* element;
  void operator()(gguf::Half*) const { *element = gguf::Element::half; }
  void operator()(gguf::Brain*) const { *element = gguf::Element::brain; }
  void operator()(float*) const { *element = gguf::Element::single; }
  void operator()(double*) const { *element = gguf::Element::twice; }
};

template <class Block>
[[gnu::always_inline]] inline void unpack_block(const uint8_t* from, float* to) {
  for (int g = 0; g < Block::elements / Block::group; ++g, to += Block::group) {
    const auto scale = Block::scale(from, g);
    for (int k = 0; k < Block::group; ++k) to[k] = Block::value(from, g, k, scale);
  }
}

// Works in two loops over a few blocks at a time, because a loop over bytes and one over floats
// vectorize best.
template <class Block, class T>
[[gnu::always_inline]] inline void unpack_groups(const uint8_t* from, int64_t count, T* to) {
  constexpr int some = std::max(256 / Block::elements, 1);
  float values[some * Block::elements]{};
  for (int64_t left = count; left > 0; left -= some) {
    const int blocks = static_cast<int>(std::min<int64_t>(left, some));
    for (int b = 0; b < blocks; ++b, from += Block::bytes)
      unpack_block<Block>(from, values + b * Block::elements);
    for (int i = 0; i < blocks * Block::elements; ++i) *to++ = gguf::from_float<T>(values[i]);
  }
}

// The same loops, vectorized as widely as the processor can; the width does not change the results.
#ifdef __x86_64__
template <class Block, class T>
[[gnu::target("avx2")]] void unpack_wide(const uint8_t* from, int64_t count, T* to) {
  unpack_groups<Block>(from, count, to);
}
template <class Block, class T>
void unpack_blocks(const uint8_t* from, int64_t count, T* to) {
  if (__builtin_cpu_supports("avx2")) return unpack_wide<Block>(from, count, to);
  unpack_groups<Block>(from, count, to);
}
#else
template <class Block, class T>
void unpack_blocks(const uint8_t* from, int64_t count, T* to) {
  unpack_groups<Block>(from, count, to);
}
#endif

struct Codec {
  int format;
  std::string_view name;
  int64_t elements = 0, bytes = 0;  // of a block
  std::optional<gguf::kernels::Block> kernel{};

  static int32_t score(std::string_view name, const strata::Config*) {
    return AllFormats::find(name) < 0 ? 0 : 100;
  }

  Codec(std::string_view scheme, const strata::Config* options) : format(AllFormats::find(scheme)) {
    if (format < 0) throw refused(scheme, "no scheme of this codec: it knows " + known());
    if (const auto why = gguf::unfit_options(options); !why.empty()) throw refused(scheme, why);
    AllFormats::at(format, [&](auto block) {
      name = block.name;
      elements = block.elements;
      bytes = block.bytes;
    });
    kernel = gguf::block_of(name);
  }

  static std::string known() {
    std::string out;
    for (const auto one : AllFormats::names) out.append(out.empty() ? "" : ", ").append(one);
    return out;
  }

  std::vector<strata::Part> parts(strata_dtype, std::span<const int64_t> shape) const {
    if (shape.empty() || shape.back() % elements != 0)
      throw refused(name, "rows of " + std::to_string(shape.empty() ? 1 : shape.back()) +
                              " elements are no whole blocks of " + std::to_string(elements));
    std::vector<int64_t> lengths(shape.begin(), shape.end());
    lengths.back() = lengths.back() / elements * bytes;
    return {
        {"blocks", {STRATA_UINT, 8, 1}, std::move(lengths), shape.size() > 1 ? 0 : STRATA_NONE}};
  }

  strata::Failure unimplemented(const std::string& why) const {
    return {STRATA_UNIMPLEMENTED, std::string(name) + ": " + why};
  }

  // The number of the weight's blocks; throws unless the part holds exactly as many.
  int64_t count(const Memory& weight, std::span<const Memory> given) const {
    parts(weight.dtype, weight.shape);
    const auto blocks = weight.elements() / elements;
    if (given.size() != 1 || given[0].dtype.bits != 8 || given[0].elements() != blocks * bytes)
      throw refused(name, "the part is not the weight's blocks");
    return blocks;
  }

  void pack(const strata_call&, const Memory& weight, std::span<const Memory> given) const {
    const auto blocks = count(weight, given);
    if (!weight.on_host() || !given[0].on_host())
      throw unimplemented("weights are packed in host memory only");
    AllFormats::at(format, [&](auto block) {
      using Block = decltype(block);
      if constexpr (gguf::packs<Block>)
        over_elements(name, weight, [&](auto* from) {
          gguf::pack_blocks<Block>(from, blocks, given[0].as<uint8_t>());
        });
      else
        throw unimplemented("weights are packed as Q4_0, Q4_1 or Q8_0");
    });
  }

  void unpack(const strata_call& call, std::span<const Memory> given, const Memory& weight) const {
    const auto blocks = count(weight, given);
    if (!weight.on_host() || !given[0].on_host())
      return unpack_there(call, given[0], weight, blocks);
    AllFormats::at(format, [&](auto block) {
      over_elements(name, weight, [&](auto* to) {
        unpack_blocks<decltype(block)>(given[0].as<const uint8_t>(), blocks, to);
      });
    });
  }

  bool unpacks(strata_device device) const {
    return device.type == STRATA_CUDA && gguf::unpacks_on_device();
  }

  bool can(const strata::ProductKind& kind) const {
    return kernel && strata::kernels::multiplies(*kernel, kind);
  }

  uint64_t workspace(const strata::ProductKind& kind) const {
    if (!can(kind)) return 0;
    return gguf::kernels::workspace({*kernel, nullptr, kind.weight[0], kind.weight[1]}, kind.tokens,
                                    strata::kernels::products_of(kind.fast));
  }

  void linear(const strata_call&, std::span<const Memory> given,
              const strata::Product& product) const {
    check(product);
    strata::kernels::multiply(*kernel, blocks_of(given, product), product);
  }

  void linear_grouped(const strata_call&, const strata::GroupedProduct& product) const {
    check(product);
    const auto weights = strata::kernels::shares_of(
        product, [&](std::span<const Memory> given) { return blocks_of(given, product); });
    strata::kernels::multiply(*kernel, weights, product);
  }

  template <class Product>
  void check(const Product& product) const {
    const auto &x = product.x, &y = product.y;
    if (x.shape.size() != 2 || y.shape.size() != 2 || x.shape[0] != y.shape[0])
      throw refused(name, "x and y are no [T,in] and [T,out]");
    const int64_t weight[]{y.shape[1], x.shape[1]};
    if (!can({weight, x.shape[0], x.device, x.dtype, product.fast}))
      throw unimplemented("no such product is computed");
  }

  // The blocks of a weight of the product.
  template <class Product>
  const std::byte* blocks_of(std::span<const Memory> given, const Product& product) const {
    const int64_t weight[]{product.y.shape[1], product.x.shape[1]};
    count({.shape = weight}, given);
    if (!given[0].on_host()) throw unimplemented("blocks are multiplied in host memory only");
    return given[0].as<const std::byte>();
  }

  void unpack_there(const strata_call& call, const Memory& part, const Memory& weight,
                    int64_t blocks) const {
    const auto [type, id] = weight.device;
    if (type != STRATA_CUDA || part.device.type != type || part.device.id != id)
      throw unimplemented("blocks and weight are not on one GPU");
    gguf::OnDevice work{.format = format,
                        .blocks = blocks,
                        .from = part.as<const uint8_t>(),
                        .device = id,
                        .stream = call.stream};
    over_elements(name, weight, [&](auto* to) {
      Named{&work.element}(to);
      work.to = to;
    });
    if (const char* why = gguf::unpack_on_device(work)) throw unimplemented(why);
  }
};

}  // namespace

STRATA_QUANT_PLUGIN(Codec, "gguf", "1.0.0");
