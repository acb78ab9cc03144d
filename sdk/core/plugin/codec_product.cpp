#include "core/plugin/codec_product.hpp"

#include <deque>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/lent.hpp"
#include "core/plugin/plain.hpp"

namespace strata::plugin {
namespace {

uint32_t flags(bool fast) { return fast ? STRATA_PRODUCT_FAST : 0; }

constexpr uint64_t most_workspace = uint64_t{1} << 40;

strata_product_kind seen(const ProductKind& kind) {
  return {.hdr = {sizeof(strata_product_kind), flags(kind.fast)},
          .shape = kind.weight.data(),
          .tokens = kind.tokens,
          .ndim = static_cast<uint32_t>(kind.weight.size()),
          .reserved = 0,
          .device = kind.device,
          .dtype = kind.dtype,
          .also_reserved = 0};
}

// The arguments of a product over plain host memory, lent for one call.
class PlainProduct {
 public:
  PlainProduct(const Codec& codec, const ProductKind& kind, void* x, void* y,
               const strata_threads& threads)
      : codec_(codec), kind_(kind),
        forms_(codec.layout({kind.dtype, {kind.weight[0], kind.weight[1]}})),
        call_{{{sizeof(strata_call), 0}, codec.host(), nullptr, kind.device}, &ops_} {
    arguments.call = &call_.seen;
    arguments.x = lend({kind.dtype, {kind.tokens, kind.weight[1]}}, x);
    arguments.y = lend({kind.dtype, {kind.tokens, kind.weight[0]}}, y);
    if (const auto bytes = workspace_of(codec, kind); bytes > 0)
      arguments.workspace = ops_.workspace(bytes);
    arguments.threads = &threads;
    arguments.fast = kind.fast;
  }

  // The parts of a weight; valid while this lives.
  strata_parts parts(std::span<void* const> memory) {
    if (forms_.size() != memory.size())
      throw Error(
          codec_.who(),
          std::to_string(memory.size()) + " parts given, it has " + std::to_string(forms_.size()),
          "give each part's memory");
    auto& pointers = pointers_.emplace_back();
    for (std::size_t i = 0; i < forms_.size(); ++i)
      pointers.push_back(lend(forms_[i].value, memory[i]));
    return {pointers.data(), pointers.size()};
  }

  void check(const char* function) const {
    for (const auto& one : tensors_) one.check(codec_.who(), function);
  }

  ProductArguments arguments;

 private:
  strata_tensor* lend(const shape::Value& value, void* data) {
    return tensors_.emplace_back(Handle(new PlainTensor(value, data, kind_.device))).get();
  }

  const Codec& codec_;
  ProductKind kind_;
  std::vector<CodecPart> forms_;
  std::deque<Lent> tensors_;
  std::deque<std::vector<strata_tensor*>> pointers_;
  PlainOps ops_;
  Call call_;
};

}  // namespace

bool can_multiply(const Codec& codec, const ProductKind& kind) {
  const auto* table = codec.table();
  if (!STRATA_HAS(strata_quant, table, can) || !STRATA_HAS(strata_quant, table, workspace) ||
      !STRATA_HAS(strata_quant, table, linear) || kind.weight.size() != 2)
    return false;
  const auto asked = seen(kind);
  return called(codec.who(), "can", [&] { return table->can(codec.self(), &asked); }) == 1;
}

std::string run_scheme(const Codec& codec, const ProductKind& kind) {
  const auto* table = codec.table();
  if (!STRATA_HAS(strata_quant, table, run_scheme) || !STRATA_HAS(strata_quant, table, repack) ||
      kind.weight.size() != 2)
    return "";
  const auto asked = seen(kind);
  constexpr uint64_t longest = 256;
  std::string out;
  succeeds(codec.who(), "run_scheme", [&] {
    return table->run_scheme(
        codec.self(), &asked,
        [](void* to, strata_str scheme) {
          if (scheme.p && scheme.n <= longest)
            static_cast<std::string*>(to)->assign(scheme.p, static_cast<std::size_t>(scheme.n));
        },
        &out);
  });
  return out;
}

uint64_t workspace_of(const Codec& codec, const ProductKind& kind) {
  const auto asked = seen(kind);
  const auto bytes = called(codec.who(), "workspace",
                            [&] { return codec.table()->workspace(codec.self(), &asked); });
  if (bytes > most_workspace)
    throw Error(codec.who(), "a product's workspace is " + std::to_string(bytes) + " bytes",
                "report this to the plugin's vendor");
  return bytes;
}

void multiply(const Codec& codec, const ProductArguments& arguments) {
  const strata_product product{.hdr = {sizeof(strata_product), flags(arguments.fast)},
                               .parts = arguments.parts,
                               .x = arguments.x,
                               .y = arguments.y,
                               .workspace = arguments.workspace,
                               .threads = arguments.threads};
  succeeds(
      codec.who(), "linear",
      [&] { return codec.table()->linear(codec.self(), arguments.call, &product); }, Pace::slow);
}

bool can_group(const Codec& codec, const ProductKind& kind) {
  const auto* table = codec.table();
  return STRATA_HAS(strata_quant, table, linear_grouped) && can_multiply(codec, kind);
}

void multiply_grouped(const Codec& codec, std::span<const GroupedParts> weights,
                      const ProductArguments& arguments) {
  std::vector<strata_grouped_weight> seen_weights;
  for (const auto& one : weights) seen_weights.push_back({&one.parts, one.end});
  const strata_grouped_product product{
      .hdr = {sizeof(strata_grouped_product), flags(arguments.fast)},
      .weights = seen_weights.data(),
      .n = seen_weights.size(),
      .x = arguments.x,
      .y = arguments.y,
      .workspace = arguments.workspace,
      .threads = arguments.threads};
  succeeds(
      codec.who(), "linear_grouped",
      [&] { return codec.table()->linear_grouped(codec.self(), arguments.call, &product); },
      Pace::slow);
}

void multiply(const Codec& codec, const ProductKind& kind, std::span<void* const> parts, void* x,
              void* y, const strata_threads& threads) {
  PlainProduct product(codec, kind, x, y, threads);
  const auto all = product.parts(parts);
  product.arguments.parts = &all;
  multiply(codec, product.arguments);
  product.check("linear");
}

void multiply_grouped(const Codec& codec, const ProductKind& kind,
                      std::span<const GroupedMemory> weights, void* x, void* y,
                      const strata_threads& threads) {
  PlainProduct product(codec, kind, x, y, threads);
  std::vector<GroupedParts> grouped;
  for (const auto& one : weights) grouped.push_back({product.parts(one.parts), one.end});
  multiply_grouped(codec, grouped, product.arguments);
  product.check("linear_grouped");
}

}  // namespace strata::plugin
