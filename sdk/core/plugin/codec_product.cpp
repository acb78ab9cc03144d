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

void multiply(const Codec& codec, const ProductKind& kind, std::span<void* const> parts, void* x,
              void* y, const strata_threads& threads) {
  const auto out = kind.weight[0], in = kind.weight[1];
  const auto forms = codec.layout({kind.dtype, {out, in}});
  if (forms.size() != parts.size())
    throw Error(
        codec.who(),
        std::to_string(parts.size()) + " parts given, it has " + std::to_string(forms.size()),
        "give each part's memory");
  std::deque<Lent> tensors;
  std::vector<strata_tensor*> pointers;
  const auto lend = [&](const shape::Value& value, void* data) {
    return tensors.emplace_back(Handle(new PlainTensor(value, data, kind.device))).get();
  };
  for (std::size_t i = 0; i < forms.size(); ++i) pointers.push_back(lend(forms[i].value, parts[i]));
  auto* const from = lend({kind.dtype, {kind.tokens, in}}, x);
  auto* const to = lend({kind.dtype, {kind.tokens, out}}, y);
  PlainOps ops;
  Call call{{{sizeof(strata_call), 0}, codec.host(), nullptr, kind.device}, &ops};
  const strata_parts all{pointers.data(), pointers.size()};
  const auto bytes = workspace_of(codec, kind);
  multiply(codec, {.call = &call.seen,
                   .parts = &all,
                   .x = from,
                   .y = to,
                   .workspace = bytes > 0 ? ops.workspace(bytes) : nullptr,
                   .threads = &threads,
                   .fast = kind.fast});
  for (const auto& one : tensors) one.check(codec.who(), "linear");
}

}  // namespace strata::plugin
