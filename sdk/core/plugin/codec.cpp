#include "core/plugin/codec.hpp"

#include <memory>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/plain.hpp"
#include "core/plugin/refusal.hpp"
#include "core/plugin/words.hpp"

namespace strata::plugin {
namespace {

struct Layout {
  std::vector<CodecPart> parts;
  bool broken = false;
};

void emit(void* to, const strata_part* part) noexcept {
  auto& layout = *static_cast<Layout*>(to);
  try {
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
  take_words();
  refuse_failure(table_->create(host, {scheme.data(), scheme.size()}, options, &self_), who_,
                 "create");
  if (!self_) throw Error(who_, "create gave no codec", "use a plugin made for this Strata");
}

Codec::~Codec() { table_->destroy(self_); }

std::vector<CodecPart> Codec::layout(const shape::Value& weight) const {
  Layout made;
  take_words();
  refuse_failure(table_->layout(self_, weight.dtype, static_cast<uint32_t>(weight.dims.size()),
                                weight.dims.begin(), emit, &made),
                 who_, "layout");
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
  std::vector<std::unique_ptr<PlainTensor>> tensors;
  std::vector<strata_tensor*> pointers;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    tensors.push_back(std::make_unique<PlainTensor>(forms[i].value, parts[i], device));
    pointers.push_back(tensors.back().get());
  }
  PlainTensor whole(weight, dense, device);
  PlainOps ops;
  Call call{{{sizeof(strata_call), 0}, host_, stream, device}, &ops};
  const strata_parts all{pointers.data(), pointers.size()};
  take_words();
  f(call.seen, all, whole);
}

void Codec::unpack(std::span<void* const> parts, const shape::Value& weight, void* dense,
                   strata_device device, void* stream) const {
  over(parts, weight, dense, device, stream,
       [&](strata_call& call, const strata_parts& all, strata_tensor& whole) {
         refuse_failure(table_->unpack(self_, &call, &all, &whole), who_, "unpack");
       });
}

void Codec::pack(const shape::Value& weight, void* dense, std::span<void* const> parts,
                 strata_device device, void* stream) const {
  over(parts, weight, dense, device, stream,
       [&](strata_call& call, const strata_parts& all, strata_tensor& whole) {
         refuse_failure(table_->pack(self_, &call, &whole, &all), who_, "pack");
       });
}

}  // namespace strata::plugin
