#include "core/plugin/codec.hpp"

#include <deque>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/lent.hpp"
#include "core/plugin/plain.hpp"

namespace strata::plugin {
namespace {

constexpr std::size_t most_parts = 64, longest_role = 1024;

struct Layout {
  std::vector<CodecPart> parts;
  bool broken = false;
};

void emit(void* to, const strata_part* part) noexcept {
  auto& layout = *static_cast<Layout*>(to);
  try {
    if (!part || part->hdr.size < sizeof(strata_part) || (!part->shape && part->ndim != 0) ||
        (!part->role.p && part->role.n != 0) || part->role.n > longest_role ||
        layout.parts.size() == most_parts)
      throw Error("layout", "no part", "");
    const shape::Dims dims(std::span(part->shape, part->ndim));
    dims.elements();
    layout.parts.push_back({std::string(part->role.p, static_cast<std::size_t>(part->role.n)),
                            {part->dtype, dims},
                            part->shard_axis});
  } catch (...) {
    layout.broken = true;
  }
}

}  // namespace

Codec::Codec(const strata_quant* table, std::string name, const strata_host* host,
             const std::string& scheme, const strata_config* options)
    : table_(table), who_("quant/" + std::move(name)), host_(host) {
  if (!table || !STRATA_HAS(strata_quant, table, create) ||
      !STRATA_HAS(strata_quant, table, destroy) || !STRATA_HAS(strata_quant, table, layout) ||
      !STRATA_HAS(strata_quant, table, pack) || !STRATA_HAS(strata_quant, table, unpack))
    throw Error(who_, "its table lacks create, destroy, layout, pack or unpack",
                "use a plugin made for this Strata");
  succeeds(who_, "create", [&] {
    return table_->create(host, {scheme.data(), scheme.size()}, options, &self_);
  });
  if (!self_) throw Error(who_, "create gave no codec", "use a plugin made for this Strata");
}

Codec::~Codec() {
  freed(who_, "destroy", [&] { table_->destroy(self_); });
}

std::vector<CodecPart> Codec::layout(const shape::Value& weight) const {
  Layout made;
  succeeds(who_, "layout", [&] {
    return table_->layout(self_, weight.dtype, static_cast<uint32_t>(weight.dims.size()),
                          weight.dims.begin(), emit, &made);
  });
  if (made.broken || made.parts.empty())
    throw Error(who_, "the parts of " + shape::words(weight.dims) + " are no tensors",
                "use a plugin made for this Strata");
  return std::move(made.parts);
}

template <class F>
void Codec::over(std::span<void* const> parts, const shape::Value& weight, void* dense,
                 strata_device device, void* stream, F&& f) const {
  const auto forms = layout(weight);
  if (forms.size() != parts.size())
    throw Error(
        who_, std::to_string(parts.size()) + " parts given, it has " + std::to_string(forms.size()),
        "give each part's memory");
  std::deque<Lent> tensors;
  std::vector<strata_tensor*> pointers;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    tensors.emplace_back(Handle(new PlainTensor(forms[i].value, parts[i], device)));
    pointers.push_back(tensors.back().get());
  }
  const Lent& whole = tensors.emplace_back(Handle(new PlainTensor(weight, dense, device)));
  PlainOps ops;
  Call call{{{sizeof(strata_call), 0}, host_, stream, device}, &ops};
  const strata_parts all{pointers.data(), pointers.size()};
  f(call.seen, all, *whole.get());
  for (const auto& one : tensors) one.check(who_, "a call");
}

void Codec::unpack(std::span<void* const> parts, const shape::Value& weight, void* dense,
                   strata_device device, void* stream) const {
  over(parts, weight, dense, device, stream,
       [&](strata_call& call, const strata_parts& all, strata_tensor& whole) {
         succeeds(
             who_, "unpack", [&] { return table_->unpack(self_, &call, &all, &whole); },
             Pace::slow);
       });
}

bool Codec::unpacks(strata_device device) const {
  if (device.type == STRATA_CPU || device.type == STRATA_PINNED) return true;
  return STRATA_HAS(strata_quant, table_, unpacks) &&
         called(who_, "unpacks", [&] { return table_->unpacks(self_, device); }) == 1;
}

void Codec::pack(const shape::Value& weight, void* dense, std::span<void* const> parts,
                 strata_device device, void* stream) const {
  over(parts, weight, dense, device, stream,
       [&](strata_call& call, const strata_parts& all, strata_tensor& whole) {
         succeeds(
             who_, "pack", [&] { return table_->pack(self_, &call, &whole, &all); }, Pace::slow);
       });
}

}  // namespace strata::plugin
