#include "blocks.hpp"

#include <algorithm>
#include <kernels/group_codec.hpp>

#include "formats.hpp"
#include "kernels.hpp"
#include "pack.hpp"
#include "products.hpp"
#include "regroup.hpp"

namespace gguf {

namespace {

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
  if (lanes == 1 && code == STRATA_FLOAT && bits == 16) return f(weight.as<Half>());
  if (lanes == 1 && code == STRATA_BFLOAT && bits == 16) return f(weight.as<Brain>());
  throw refused(scheme, "a dense weight is float16, bfloat16, float32 or float64");
}

// The kernels' name for the type of the elements.
struct Named {
  Element* element;
  void operator()(Half*) const { *element = Element::half; }
  void operator()(Brain*) const { *element = Element::brain; }
  void operator()(float*) const { *element = Element::single; }
  void operator()(double*) const { *element = Element::twice; }
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
    for (int i = 0; i < blocks * Block::elements; ++i) *to++ = from_float<T>(values[i]);
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

bool on_one_gpu(const Memory& a, const Memory& b) {
  return a.device.type == STRATA_CUDA && b.device.type == STRATA_CUDA && a.device.id == b.device.id;
}

}  // namespace

std::string Blocks::known() {
  std::string out;
  for (const auto one : AllFormats::names) out.append(out.empty() ? "" : ", ").append(one);
  return out;
}

bool Blocks::knows(std::string_view scheme) { return AllFormats::find(scheme) >= 0; }

Blocks::Blocks(std::string_view scheme) : format_(AllFormats::find(scheme)) {
  if (format_ < 0) throw refused(scheme, "no scheme of this codec: it knows " + known());
  AllFormats::at(format_, [&]<class Block>(Block) {
    name_ = Block::name;
    elements_ = Block::elements;
    bytes_ = Block::bytes;
    if constexpr (regroups<Block>) groups_ = InGroups<Block>::form;
  });
  kernel_ = block_of(name_);
}

std::optional<strata::kernels::GroupForm> Blocks::groups(strata_device device) const {
  if (!groups_ || device.type == STRATA_CUDA) return groups_;
  int64_t bits = 0;
  const int64_t row[]{1, elements_};
  for (const auto& part : strata::kernels::GroupCodec(*groups_).parts({}, row))
    bits += part.shape[1] * part.dtype.bits;
  return bits <= 9 * bytes_ ? groups_ : std::nullopt;
}

std::vector<strata::Part> Blocks::parts(std::span<const int64_t> shape) const {
  if (shape.empty() || shape.back() % elements_ != 0)
    throw refused(name_, "rows of " + std::to_string(shape.empty() ? 1 : shape.back()) +
                             " elements are no whole blocks of " + std::to_string(elements_));
  std::vector<int64_t> lengths(shape.begin(), shape.end());
  lengths.back() = lengths.back() / elements_ * bytes_;
  return {{"blocks", {STRATA_UINT, 8, 1}, std::move(lengths), shape.size() > 1 ? 0 : STRATA_NONE}};
}

strata::Failure Blocks::unimplemented(const std::string& why) const {
  return {STRATA_UNIMPLEMENTED, std::string(name_) + ": " + why};
}

int64_t Blocks::count(const Memory& weight, std::span<const Memory> given) const {
  parts(weight.shape);
  const auto blocks = weight.elements() / elements_;
  if (given.size() != 1 || given[0].dtype.bits != 8 || given[0].elements() != blocks * bytes_)
    throw refused(name_, "the part is not the weight's blocks");
  return blocks;
}

void Blocks::pack(const Memory& weight, std::span<const Memory> given) const {
  const auto blocks = count(weight, given);
  if (!weight.on_host() || !given[0].on_host())
    throw unimplemented("weights are packed in host memory only");
  AllFormats::at(format_, [&](auto block) {
    using Block = decltype(block);
    if constexpr (packs<Block>)
      over_elements(name_, weight,
                    [&](auto* from) { pack_blocks<Block>(from, blocks, given[0].as<uint8_t>()); });
    else
      throw unimplemented("weights are packed as Q4_0, Q4_1 or Q8_0");
  });
}

void Blocks::unpack(const strata_call& call, std::span<const Memory> given,
                    const Memory& weight) const {
  const auto blocks = count(weight, given);
  if (!weight.on_host() || !given[0].on_host()) return unpack_there(call, given[0], weight, blocks);
  AllFormats::at(format_, [&](auto block) {
    over_elements(name_, weight, [&](auto* to) {
      unpack_blocks<decltype(block)>(given[0].as<const uint8_t>(), blocks, to);
    });
  });
}

void Blocks::unpack_there(const strata_call& call, const Memory& part, const Memory& weight,
                          int64_t blocks) const {
  if (!on_one_gpu(part, weight)) throw unimplemented("blocks and weight are not on one GPU");
  OnDevice work{.format = format_,
                .blocks = blocks,
                .from = part.as<const uint8_t>(),
                .device = part.device.id,
                .stream = call.stream};
  over_elements(name_, weight, [&](auto* to) {
    Named{&work.element}(to);
    work.to = to;
  });
  if (const char* why = unpack_on_device(work)) throw unimplemented(why);
}

bool Blocks::unpacks(strata_device device) {
  return device.type == STRATA_CUDA && unpacks_on_device();
}

bool Blocks::can(const strata::ProductKind& kind) const {
  return kernel_ && strata::kernels::multiplies(*kernel_, kind);
}

uint64_t Blocks::workspace(const strata::ProductKind& kind) const {
  if (!can(kind)) return 0;
  return kernels::workspace({*kernel_, nullptr, kind.weight[0], kind.weight[1]}, kind.tokens,
                            strata::kernels::products_of(kind.fast));
}

void Blocks::linear(std::span<const Memory> given, const strata::Product& product) const {
  check(product);
  strata::kernels::multiply(*kernel_, blocks_of(given, product), product);
}

void Blocks::linear_grouped(const strata::GroupedProduct& product) const {
  check(product);
  const auto weights = strata::kernels::shares_of(
      product, [&](std::span<const Memory> given) { return blocks_of(given, product); });
  strata::kernels::multiply(*kernel_, weights, product);
}

template <class Product>
void Blocks::check(const Product& product) const {
  const auto &x = product.x, &y = product.y;
  if (x.shape.size() != 2 || y.shape.size() != 2 || x.shape[0] != y.shape[0])
    throw refused(name_, "x and y are no [T,in] and [T,out]");
  const int64_t weight[]{y.shape[1], x.shape[1]};
  if (!can({weight, x.shape[0], x.device, x.dtype, product.fast}))
    throw unimplemented("no such product is computed");
}

template <class Product>
const std::byte* Blocks::blocks_of(std::span<const Memory> given, const Product& product) const {
  const int64_t weight[]{product.y.shape[1], product.x.shape[1]};
  count({.shape = weight}, given);
  if (!given[0].on_host()) throw unimplemented("blocks are multiplied in host memory only");
  return given[0].as<const std::byte>();
}

void Blocks::regroup(const strata_call& call, std::span<const int64_t> shape,
                     std::span<const Memory> held, std::span<const Memory> run) const {
  const auto blocks = count({.shape = shape}, held);
  const GroupBytes to{run[0].as<uint8_t>(), run[1].as<uint8_t>(),
                      run.size() > 2 ? run[2].as<uint8_t>() : nullptr};
  const auto* const from = held[0].as<const uint8_t>();
  if (!held[0].on_host()) {
    if (const char* why = regroup_on_device({.format = format_,
                                             .blocks = blocks,
                                             .from = from,
                                             .device = held[0].device.id,
                                             .stream = call.stream},
                                            to))
      throw unimplemented(why);
    return;
  }
  AllFormats::at(format_, [&]<class Block>(Block) {
    if constexpr (regroups<Block>)
      for (int64_t i = 0; i < blocks * groups_of_block<Block>; ++i)
        gguf::regroup<Block>(from, i, to);
  });
}

}  // namespace gguf
