// A weight quantizer in C++, over abi/draft/quant.h: a class with one instance for a scheme.
//
//   struct Mine {
//     static int32_t score(string_view scheme, const Config* options);      // 0: not at all
//     Mine(string_view scheme, const Config* options);                      // throws to refuse
//     std::vector<strata::Part> parts(strata_dtype, span<const int64_t> shape) const;
//     void pack(const strata_call&, const Memory& weight, span<const Memory> parts) const;
//     void unpack(const strata_call&, span<const Memory> parts, const Memory& weight) const;
//   };
//   STRATA_QUANT_PLUGIN(Mine, "mine", "1.0.0");
//
// options is null where there are none. pack and unpack enqueue on the call's stream. A class whose
// unpack takes memory of other devices than the CPU says of which:
//
//     bool unpacks(strata_device) const;
//
// A class that also has these three multiplies straight from the parts (abi/draft/quant.h has their
// contracts):
//
//     bool can(const strata::ProductKind&) const;
//     uint64_t workspace(const strata::ProductKind&) const;
//     void linear(const strata_call&, span<const Memory> parts, const strata::Product&) const;
//
// One of these may also multiply with several weights of one shape at once:
//
//     void linear_grouped(const strata_call&, const strata::GroupedProduct&) const;
//
// A class that serves weights which checkpoints hold in several tensors has
//
//     static std::optional<strata::PackedWeight> recognize(
//         const Config* options, string_view weight, span<const strata::WeightTensor>);
//
// and one whose parts are brought into another form for products has these two:
//
//     std::optional<std::string> run_scheme(const strata::ProductKind&) const;
//     void repack(const strata_call&, span<const int64_t> shape, span<const Memory> held,
//                 span<const Memory> run) const;
#pragma once
#include <strata/abi/draft/quant.h>

#include <concepts>
#include <optional>
#include <strata/plugin.hpp>
#include <vector>

namespace strata {

struct Part {
  std::string_view role;  // with static lifetime: "codes", "scales"
  strata_dtype dtype{};
  std::vector<std::int64_t> shape;
  std::uint32_t shard_axis = STRATA_NONE;  // the axis to cut; STRATA_NONE: as bytes only
};

inline bool same(strata_dtype a, strata_dtype b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

// A contiguous tensor's memory.
struct Memory {
  void* data = nullptr;
  strata_device device{};
  strata_dtype dtype{};
  std::span<const std::int64_t> shape;

  std::int64_t elements() const {
    std::int64_t product = 1;
    for (const auto length : shape) product *= length;
    return product;
  }
  // Whether the CPU reads and writes it.
  bool on_host() const { return device.type == STRATA_CPU || device.type == STRATA_PINNED; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// A product x [T,in] -> y [T,out] with a weight [out,in] in parts.
struct ProductKind {
  std::span<const std::int64_t> weight;  // its shape
  std::int64_t tokens = 1;               // T
  strata_device device{};
  strata_dtype dtype{};  // of x and y
  bool fast = false;     // x may be rounded to 8 bits with scales of its own
};

// The arguments of one product.
struct Product {
  Memory x, y;
  void* workspace = nullptr;
  const strata_threads* threads = nullptr;  // null on another device than the CPU
  bool fast = false;                        // as the kind's
};

// One weight of a grouped product, and the row behind its last one of x and y.
struct GroupedWeight {
  std::vector<Memory> parts;
  std::int64_t end = 0;
};

// The arguments of one grouped product: each weight has the rows behind those of the one before it.
struct GroupedProduct {
  std::span<const GroupedWeight> weights;
  Memory x, y;
  void* workspace = nullptr;
  const strata_threads* threads = nullptr;  // null on another device than the CPU
  bool fast = false;                        // as the kind's
};

// Whether a codec multiplies straight from the parts.
template <class Codec>
concept Multiplies = requires(const Codec& codec, const ProductKind& kind, const strata_call& call,
                              std::span<const Memory> parts, const Product& product) {
  { codec.can(kind) } -> std::convertible_to<bool>;
  { codec.workspace(kind) } -> std::convertible_to<std::uint64_t>;
  codec.linear(call, parts, product);
};

template <class Codec>
concept MultipliesGroups = Multiplies<Codec> &&
    requires(const Codec& codec, const strata_call& call, const GroupedProduct& product) {
  codec.linear_grouped(call, product);
};

// A tensor of a checkpoint that is a part of a weight.
struct WeightTensor {
  std::string_view role, type;  // the manifest's; as safetensors files name it: "I32"
  std::span<const std::int64_t> shape;
  const void* data = nullptr;  // its bytes, where the manifest says "read"
};

// A weight in parts: its scheme, its shape as the ops use it, and the dtype of its elements.
struct PackedWeight {
  std::string scheme;
  std::vector<std::int64_t> shape;
  strata_dtype dtype{};
};

template <class Codec>
concept Recognizes = requires(const Config* options, std::span<const WeightTensor> tensors) {
  {
    Codec::recognize(options, std::string_view(), tensors)
    } -> std::same_as<std::optional<PackedWeight>>;
};

template <class Codec>
concept Repacks = requires(const Codec& codec, const ProductKind& kind, const strata_call& call,
                           std::span<const std::int64_t> shape, std::span<const Memory> parts) {
  { codec.run_scheme(kind) } -> std::same_as<std::optional<std::string>>;
  codec.repack(call, shape, parts, parts);
};

template <class Codec>
concept UnpacksElsewhere = requires(const Codec& codec, strata_device device) {
  { codec.unpacks(device) } -> std::convertible_to<bool>;
};

namespace abi {

// The tensor's memory; throws if the tensor is not contiguous or has no memory.
inline Memory memory_of(const strata_host_tensor& tensors, strata_call* call,
                        strata_tensor* tensor) {
  strata_view view{};
  check(tensors.view(call, tensor, &view));
  std::int64_t stride = 1;
  for (auto i = view.ndim; i-- > 0; stride *= view.shape[i])
    if (view.strides && view.shape[i] != 1 && view.strides[i] != stride)
      throw Failure(STRATA_INVALID, "a tensor is not contiguous: copy it first");
  if (!view.data && stride != 0) throw Failure(STRATA_INVALID, "a tensor has no memory");
  return {static_cast<char*>(view.data) + view.byte_offset,
          view.device,
          view.dtype,
          {view.shape, static_cast<std::size_t>(view.ndim)}};
}

// The functions of strata_quant for a class.
template <class Codec>
struct QuantTable {
  struct Instance {
    Codec codec;
    const strata_host_tensor* tensors;
  };
  static Instance& of(strata_self* self) { return *reinterpret_cast<Instance*>(self); }
  static std::optional<Config> config(const strata_config* options) {
    return options ? std::optional<Config>(Config(options)) : std::nullopt;
  }

  static std::int32_t score(strata_str scheme, const strata_config* options) noexcept {
    return guarded_value<std::int32_t>(0, [&] {
      const auto given = config(options);
      return Codec::score(text_of(scheme), given ? &*given : nullptr);
    });
  }
  static strata_status create(const strata_host*, strata_str scheme, const strata_config* options,
                              strata_self** out) noexcept {
    return guarded([&] {
      const auto given = config(options);
      *out = reinterpret_cast<strata_self*>(
          new Instance{Codec(text_of(scheme), given ? &*given : nullptr),
                       host_table<strata_host_tensor>("strata.host.tensor/1")});
    });
  }
  static void destroy(strata_self* self) noexcept { delete &of(self); }

  static strata_status layout(strata_self* self, strata_dtype dtype, std::uint32_t ndim,
                              const std::int64_t* shape, void (*emit)(void*, const strata_part*),
                              void* to) noexcept {
    return guarded([&] {
      for (const auto& part : of(self).codec.parts(dtype, std::span(shape, ndim))) {
        const strata_part made{header<strata_part>(),
                               abi_str(part.role),
                               part.shape.data(),
                               static_cast<std::uint32_t>(part.shape.size()),
                               0,
                               part.shard_axis,
                               part.dtype};
        emit(to, &made);
      }
    });
  }
  static std::vector<Memory> memories(const Instance& codec, strata_call* call,
                                      const strata_parts* parts) {
    std::vector<Memory> out;
    for (std::uint64_t i = 0; i < parts->n; ++i)
      out.push_back(memory_of(*codec.tensors, call, parts->p[i]));
    return out;
  }
  static strata_status pack(strata_self* self, strata_call* call, strata_tensor* weight,
                            const strata_parts* parts) noexcept {
    return guarded([&] {
      const auto& instance = of(self);
      const auto to = memories(instance, call, parts);
      instance.codec.pack(*call, memory_of(*instance.tensors, call, weight), to);
    });
  }
  static strata_status unpack(strata_self* self, strata_call* call, const strata_parts* parts,
                              strata_tensor* weight) noexcept {
    return guarded([&] {
      const auto& instance = of(self);
      const auto from = memories(instance, call, parts);
      instance.codec.unpack(*call, from, memory_of(*instance.tensors, call, weight));
    });
  }

  static ProductKind kind_of(const strata_product_kind* kind) {
    return {{kind->shape, kind->ndim},
            kind->tokens,
            kind->device,
            kind->dtype,
            (kind->hdr.flags & STRATA_PRODUCT_FAST) != 0};
  }
  static constexpr bool multiplies = Multiplies<Codec>;
  static std::int32_t can([[maybe_unused]] strata_self* self,
                          [[maybe_unused]] const strata_product_kind* kind) noexcept {
    if constexpr (multiplies)
      return guarded_value<std::int32_t>(0,
                                         [&] { return of(self).codec.can(kind_of(kind)) ? 1 : 0; });
    return 0;
  }
  static std::uint64_t workspace([[maybe_unused]] strata_self* self,
                                 [[maybe_unused]] const strata_product_kind* kind) noexcept {
    if constexpr (multiplies)
      return guarded_value<std::uint64_t>(0,
                                          [&] { return of(self).codec.workspace(kind_of(kind)); });
    return 0;
  }
  static strata_status linear([[maybe_unused]] strata_self* self,
                              [[maybe_unused]] strata_call* call,
                              [[maybe_unused]] const strata_product* product) noexcept {
    if constexpr (multiplies)
      return guarded([&] {
        const auto& instance = of(self);
        const auto from = memories(instance, call, product->parts);
        instance.codec.linear(*call, from,
                              {memory_of(*instance.tensors, call, product->x),
                               memory_of(*instance.tensors, call, product->y), product->workspace,
                               product->threads, (product->hdr.flags & STRATA_PRODUCT_FAST) != 0});
      });
    return STRATA_UNIMPLEMENTED;
  }

  static constexpr bool multiplies_groups = MultipliesGroups<Codec>;
  static strata_status linear_grouped(
      [[maybe_unused]] strata_self* self, [[maybe_unused]] strata_call* call,
      [[maybe_unused]] const strata_grouped_product* product) noexcept {
    if constexpr (multiplies_groups)
      return guarded([&] {
        const auto& instance = of(self);
        std::vector<GroupedWeight> weights;
        for (std::uint64_t i = 0; i < product->n; ++i) {
          const auto& one = product->weights[i];
          weights.push_back({memories(instance, call, one.parts), one.end});
        }
        instance.codec.linear_grouped(
            *call, {weights, memory_of(*instance.tensors, call, product->x),
                    memory_of(*instance.tensors, call, product->y), product->workspace,
                    product->threads, (product->hdr.flags & STRATA_PRODUCT_FAST) != 0});
      });
    return STRATA_UNIMPLEMENTED;
  }

  static constexpr bool recognizes = Recognizes<Codec>;
  static strata_status recognize([[maybe_unused]] const strata_host*,
                                 [[maybe_unused]] const strata_config* options,
                                 [[maybe_unused]] const strata_weight_tensors* weight,
                                 [[maybe_unused]] void (*emit)(void*, const strata_packed_weight*),
                                 [[maybe_unused]] void* to) noexcept {
    if constexpr (recognizes)
      return guarded([&] {
        const auto given = config(options);
        std::vector<WeightTensor> tensors;
        for (std::uint64_t i = 0; i < weight->n; ++i) {
          const auto& one = weight->tensors[i];
          tensors.push_back(
              {text_of(one.role), text_of(one.type), {one.shape, one.ndim}, one.data});
        }
        const auto found = Codec::recognize(given ? &*given : nullptr, text_of(weight->weight),
                                            std::span<const WeightTensor>(tensors));
        if (!found) return;
        const strata_packed_weight made{
            header<strata_packed_weight>(), abi_str(found->scheme), found->shape.data(),
            static_cast<std::uint32_t>(found->shape.size()), found->dtype};
        emit(to, &made);
      });
    return STRATA_UNIMPLEMENTED;
  }

  static constexpr bool repacks = Repacks<Codec>;
  static strata_status run_scheme([[maybe_unused]] strata_self* self,
                                  [[maybe_unused]] const strata_product_kind* kind,
                                  [[maybe_unused]] void (*emit)(void*, strata_str),
                                  [[maybe_unused]] void* to) noexcept {
    if constexpr (repacks)
      return guarded([&] {
        if (const auto scheme = of(self).codec.run_scheme(kind_of(kind)))
          emit(to, abi_str(*scheme));
      });
    return STRATA_UNIMPLEMENTED;
  }
  static strata_status repack([[maybe_unused]] strata_self* self,
                              [[maybe_unused]] strata_call* call,
                              [[maybe_unused]] std::uint32_t ndim,
                              [[maybe_unused]] const std::int64_t* shape,
                              [[maybe_unused]] const strata_parts* held,
                              [[maybe_unused]] const strata_parts* run) noexcept {
    if constexpr (repacks)
      return guarded([&] {
        const auto& instance = of(self);
        const auto from = memories(instance, call, held);
        const auto to = memories(instance, call, run);
        instance.codec.repack(*call, std::span(shape, ndim), from, to);
      });
    return STRATA_UNIMPLEMENTED;
  }

  static constexpr bool unpacks_elsewhere = UnpacksElsewhere<Codec>;
  static std::int32_t unpacks([[maybe_unused]] strata_self* self,
                              [[maybe_unused]] strata_device device) noexcept {
    if constexpr (unpacks_elsewhere)
      return guarded_value<std::int32_t>(0, [&] { return of(self).codec.unpacks(device) ? 1 : 0; });
    return 0;
  }

  static constexpr strata_quant table{header<strata_quant>(),
                                      score,
                                      create,
                                      destroy,
                                      layout,
                                      pack,
                                      unpack,
                                      multiplies ? linear : nullptr,
                                      nullptr,
                                      multiplies ? can : nullptr,
                                      multiplies ? workspace : nullptr,
                                      recognizes ? recognize : nullptr,
                                      repacks ? run_scheme : nullptr,
                                      repacks ? repack : nullptr,
                                      multiplies_groups ? linear_grouped : nullptr,
                                      unpacks_elsewhere ? unpacks : nullptr};
};

}  // namespace abi
}  // namespace strata

// Exports `Class` as the quant plugin strata-quant-<name>.so.
#define STRATA_QUANT_PLUGIN(Class, name, version) \
  STRATA_EXPORT_PLUGIN("quant", name, version,    \
                       {"strata.quant/1", &strata::abi::QuantTable<Class>::table})
