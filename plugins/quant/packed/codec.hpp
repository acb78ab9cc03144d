// A codec for weights that checkpoints hold packed in several tensors. Each of its formats is a
// class, which knows the tensors and unpacks them; weights in groups, which products use, are the
// kernels' own. A format is
//
//   struct Mine {
//     static constexpr std::string_view keys[] = {"mine"};  // the first words of its schemes
//     static std::optional<strata::PackedWeight> recognize(const strata::Config*, const Tensors&);
//     Mine(std::string_view key, Words& words);             // the words behind the key
//     std::vector<strata::Part> parts(int64_t out, int64_t in) const;
//     void unpack(std::span<const Memory> parts, const Memory& weight) const;
//     std::optional<GroupForm> groups(int64_t out, int64_t in) const;  // nothing: as unpacked only
//     void repack(int64_t out, int64_t in, std::span<const Memory> held, GroupRoom run) const;
//   };
//
// and may have pack(const Memory& weight, std::span<const Memory> parts). Weights and parts lie in
// host memory; their sizes are checked before.
#pragma once
#include <optional>
#include <span>
#include <strata/quant.hpp>
#include <string>
#include <variant>
#include <vector>

#include "kernels/group_codec.hpp"
#include "packed/tensors.hpp"
#include "packed/words.hpp"

namespace packed {

using strata::Memory, strata::kernels::GroupForm;

// The parts that a format fills from its own; zeros is null where the form has none.
struct GroupRoom {
  uint8_t* codes;
  void* scales;
  uint8_t* zeros;
};

template <class... Formats>
class Codec {
 public:
  static int32_t score(std::string_view scheme, const strata::Config*) {
    const auto key = Words(scheme).word();
    return (has_key<Formats>(key) || ...) ? 100 : 0;
  }

  static std::optional<strata::PackedWeight> recognize(const strata::Config* options,
                                                       std::string_view weight,
                                                       std::span<const strata::WeightTensor> all) {
    const Tensors tensors(weight, all);
    std::optional<strata::PackedWeight> out;
    ((out = Formats::recognize(options, tensors)) || ...);
    return out;
  }

  Codec(std::string_view scheme, const strata::Config*) : format_(made(scheme)) {
    key_ = Words(scheme).word();
  }

  std::vector<strata::Part> parts(strata_dtype dtype, std::span<const int64_t> shape) const {
    return std::visit(
        [&](const auto& one) {
          if constexpr (is_groups<decltype(one)>) {
            return one.parts(dtype, shape);
          } else {
            need_matrix(shape);
            return one.parts(shape[0], shape[1]);
          }
        },
        format_);
  }

  void pack(const strata_call&, const Memory& weight, std::span<const Memory> given) const {
    check(weight, given);
    std::visit(
        [&](const auto& one) {
          if constexpr (requires { one.pack(weight, given); })
            one.pack(weight, given);
          else
            throw unimplemented("it is read only: pack weights with another codec");
        },
        format_);
  }

  void unpack(const strata_call& call, std::span<const Memory> given, const Memory& weight) const {
    if (const auto* groups = std::get_if<strata::kernels::GroupCodec>(&format_))
      return groups->unpack(call, given, weight);
    check(weight, given);
    std::visit(
        [&](const auto& one) {
          if constexpr (!is_groups<decltype(one)>) one.unpack(given, weight);
        },
        format_);
  }

  // Weights in groups alone: the formats' own parts are unpacked in host memory.
  bool unpacks(strata_device device) const {
    const auto* groups = std::get_if<strata::kernels::GroupCodec>(&format_);
    return groups && groups->unpacks(device);
  }

  bool can(const strata::ProductKind& kind) const {
    const auto* groups = std::get_if<strata::kernels::GroupCodec>(&format_);
    return groups && groups->can(kind);
  }
  uint64_t workspace(const strata::ProductKind& kind) const {
    const auto* groups = std::get_if<strata::kernels::GroupCodec>(&format_);
    return groups ? groups->workspace(kind) : 0;
  }
  void linear(const strata_call& call, std::span<const Memory> given,
              const strata::Product& product) const {
    const auto* groups = std::get_if<strata::kernels::GroupCodec>(&format_);
    if (!groups) throw unimplemented("products are computed from groups only");
    groups->linear(call, given, product);
  }
  void linear_grouped(const strata_call& call, const strata::GroupedProduct& product) const {
    const auto* groups = std::get_if<strata::kernels::GroupCodec>(&format_);
    if (!groups) throw unimplemented("products are computed from groups only");
    groups->linear_grouped(call, product);
  }

  std::optional<std::string> run_scheme(const strata::ProductKind& kind) const {
    if (kind.weight.size() != 2) return std::nullopt;
    const auto form = groups(kind.weight[0], kind.weight[1]);
    if (!form || !strata::kernels::GroupCodec(*form).can(kind)) return std::nullopt;
    return key_ + " " + strata::kernels::words_of(*form);
  }

  void repack(const strata_call&, std::span<const int64_t> shape, std::span<const Memory> held,
              std::span<const Memory> run) const {
    need_matrix(shape);
    const auto form = groups(shape[0], shape[1]);
    if (!form) throw unimplemented("it has no form for products");
    const strata_dtype dtype{STRATA_FLOAT, 32, 1};
    need_parts(parts(dtype, shape), held);
    need_parts(strata::kernels::GroupCodec(*form).parts(dtype, shape), run);
    const GroupRoom room{run[0].as<uint8_t>(), run[1].data,
                         run.size() > 2 ? run[2].as<uint8_t>() : nullptr};
    std::visit(
        [&](const auto& one) {
          if constexpr (!is_groups<decltype(one)>) one.repack(shape[0], shape[1], held, room);
        },
        format_);
  }

 private:
  using Format = std::variant<strata::kernels::GroupCodec, Formats...>;

  template <class One>
  static constexpr bool is_groups =
      std::is_same_v<std::remove_cvref_t<One>, strata::kernels::GroupCodec>;

  template <class One>
  static bool has_key(std::string_view key) {
    for (const auto one : One::keys)
      if (one == key) return true;
    return false;
  }

  static Format made(std::string_view scheme) {
    Words words(scheme);
    const auto key = words.word();
    std::optional<Format> out;
    const auto make = [&]<class One>(std::in_place_type_t<One>) {
      if (out || !has_key<One>(key)) return;
      if (words.rest().starts_with("groups ")) {
        out.emplace(std::in_place_type<strata::kernels::GroupCodec>, words.rest());
      } else {
        out.emplace(std::in_place_type<One>, key, words);
        words.end();
      }
    };
    (make(std::in_place_type<Formats>), ...);
    if (!out) words.refuse();
    return std::move(*out);
  }

  std::optional<GroupForm> groups(int64_t out, int64_t in) const {
    return std::visit(
        [&](const auto& one) -> std::optional<GroupForm> {
          if constexpr (is_groups<decltype(one)>)
            return std::nullopt;
          else
            return one.groups(out, in);
        },
        format_);
  }

  strata::Failure refused(const std::string& why) const {
    return {STRATA_INVALID, key_ + ": " + why};
  }
  strata::Failure unimplemented(const std::string& why) const {
    return {STRATA_UNIMPLEMENTED, key_ + ": " + why};
  }

  void need_matrix(std::span<const int64_t> shape) const {
    bool fits = shape.size() == 2;
    for (const auto side : shape) fits = fits && side >= 1 && side <= longest;
    if (!fits) throw refused("a weight is a matrix [out,in]");
  }

  void check(const Memory& weight, std::span<const Memory> given) const {
    need_matrix(weight.shape);
    if (!weight.on_host()) throw unimplemented("weights are unpacked in host memory only");
    need_parts(parts(weight.dtype, weight.shape), given);
  }

  void need_parts(const std::vector<strata::Part>& wanted, std::span<const Memory> given) const {
    if (wanted.size() != given.size())
      throw refused(std::to_string(given.size()) + " parts are given, the weight has " +
                    std::to_string(wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      int64_t elements = 1;
      for (const auto side : wanted[i].shape) elements *= side;
      const bool same = given[i].elements() == elements &&
                        given[i].dtype.bits == wanted[i].dtype.bits && given[i].on_host();
      if (!same)
        throw refused("the part " + std::string(wanted[i].role) + " has " +
                      std::to_string(given[i].elements()) + " elements of " +
                      std::to_string(given[i].dtype.bits) + " bits in memory, the weight's has " +
                      std::to_string(elements) + " of " + std::to_string(wanted[i].dtype.bits));
    }
  }

  Format format_;
  std::string key_;
};

}  // namespace packed
