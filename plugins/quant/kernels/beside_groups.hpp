// A quant plugin's class over a form of weights that has its own schemes, one for each key, and
// comes into groups along rows without loss: "KEY" and "KEY groups CODE GROUP ZERO SCALE".
//
//   struct Held {
//     static bool knows(std::string_view key);
//     explicit Held(std::string_view key);  // throws for others
//     std::string_view name() const;        // the key
//     std::vector<Part> parts(std::span<const int64_t> shape) const;
//     void pack(const Memory& weight, std::span<const Memory> parts) const;
//     void unpack(const strata_call&, std::span<const Memory> parts, const Memory& weight) const;
//     static bool unpacks(strata_device);
//     std::optional<GroupForm> groups(strata_device) const;  // for products there
//     // Fills the groups' parts, which are checked, where the held ones lie.
//     void regroup(const strata_call&, std::span<const int64_t> shape,
//                  std::span<const Memory> held, std::span<const Memory> run) const;
//   };
//
// It may also have can, workspace, linear and linear_grouped, for products with weights as it holds
// them. All have the contracts of strata/quant.hpp.
#pragma once
#include <optional>
#include <strata/quant.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gguf/block_options.hpp"
#include "kernels/group_codec.hpp"

namespace strata::kernels {

template <class Held>
class BesideGroups {
  static constexpr strata_device gpu{STRATA_CUDA, 0};  // has the groups of the CPU too
  static constexpr bool multiplies = requires(const Held& held, const ProductKind& kind) {
    held.can(kind);
  };

 public:
  static int32_t score(std::string_view scheme, const Config*) {
    return Held::knows(words_of(scheme).first) ? 100 : 0;
  }

  BesideGroups(std::string_view scheme, const Config* options) : form_(made(scheme)) {
    if (const auto why = gguf::unfit_options(options); !why.empty()) throw refused(scheme, why);
  }

  std::vector<Part> parts(strata_dtype dtype, std::span<const int64_t> shape) const {
    return groups() ? groups()->parts(dtype, shape) : held().parts(shape);
  }
  void pack(const strata_call&, const Memory& weight, std::span<const Memory> given) const {
    if (groups()) throw not_packed();
    held().pack(weight, given);
  }
  void unpack(const strata_call& call, std::span<const Memory> given, const Memory& weight) const {
    if (groups()) return groups()->unpack(call, given, weight);
    held().unpack(call, given, weight);
  }
  bool unpacks(strata_device device) const {
    return groups() ? groups()->unpacks(device) : Held::unpacks(device);
  }

  bool can(const ProductKind& kind) const {
    return groups() ? groups()->can(kind) : held_can(kind);
  }
  uint64_t workspace(const ProductKind& kind) const {
    if (groups()) return groups()->workspace(kind);
    if constexpr (multiplies) return held().workspace(kind);
    return 0;
  }
  void linear(const strata_call& call, std::span<const Memory> given,
              const Product& product) const {
    if (groups()) return groups()->linear(call, given, product);
    if constexpr (multiplies) return held().linear(given, product);
    throw no_products();
  }
  void linear_grouped(const strata_call& call, const GroupedProduct& product) const {
    if (groups()) return groups()->linear_grouped(call, product);
    if constexpr (multiplies) return held().linear_grouped(product);
    throw no_products();
  }

  // Groups, for products that there are not with the weights as they are held.
  std::optional<std::string> run_scheme(const ProductKind& kind) const {
    if (groups() || held_can(kind)) return std::nullopt;
    const auto form = held().groups(kind.device);
    if (!form || !GroupCodec(*form).can(kind)) return std::nullopt;
    return std::string(held().name()) + ' ' + kernels::words_of(*form);
  }
  void repack(const strata_call& call, std::span<const int64_t> shape, std::span<const Memory> from,
              std::span<const Memory> run) const {
    if (groups()) throw not_packed();
    const auto form = held().groups(gpu);
    if (!form) throw no_products();
    check(GroupCodec(*form).parts({}, shape), run, from);
    held().regroup(call, shape, from, run);
  }

 private:
  // The key, and what follows it.
  static std::pair<std::string_view, std::string_view> words_of(std::string_view scheme) {
    const auto end = scheme.find(' ');
    if (end == std::string_view::npos) return {scheme, {}};
    return {scheme.substr(0, end), scheme.substr(end + 1)};
  }

  static std::variant<Held, GroupCodec> made(std::string_view scheme) {
    const auto [key, rest] = words_of(scheme);
    Held held(key);
    if (key == scheme) return held;
    GroupCodec groups(rest);
    const auto own = held.groups(gpu);
    if (!own || kernels::words_of(*own) != rest) throw refused(scheme, "no groups of this format");
    return groups;
  }

  // Throws unless the parts to fill are those wanted, where the held ones lie.
  void check(const std::vector<Part>& wanted, std::span<const Memory> run,
             std::span<const Memory> from) const {
    if (run.size() != wanted.size())
      throw refused(held().name(), std::to_string(run.size()) + " parts to fill, and groups have " +
                                       std::to_string(wanted.size()));
    for (std::size_t i = 0; i < run.size(); ++i) {
      int64_t elements = 1;
      for (const auto n : wanted[i].shape) elements *= n;
      if (run[i].dtype.bits != wanted[i].dtype.bits || run[i].elements() != elements)
        throw refused(held().name(),
                      "the " + std::string(wanted[i].role) + " to fill are of another weight");
      for (const auto& one : from)
        if (!together(one, run[i]))
          throw Failure(STRATA_UNIMPLEMENTED,
                        std::string(held().name()) +
                            ": the parts are neither all in host memory nor all on one GPU");
    }
  }

  static bool together(const Memory& a, const Memory& b) {
    if (a.on_host() || b.on_host()) return a.on_host() && b.on_host();
    return a.device.type == STRATA_CUDA && b.device.type == STRATA_CUDA &&
           a.device.id == b.device.id && Held::unpacks(a.device);
  }

  bool held_can([[maybe_unused]] const ProductKind& kind) const {
    if constexpr (multiplies) return held().can(kind);
    return false;
  }
  static Failure refused(std::string_view scheme, const std::string& why) {
    return {STRATA_INVALID, std::string(scheme) + ": " + why};
  }
  Failure not_packed() const {
    return {STRATA_UNIMPLEMENTED, kernels::words_of(groups()->form()) +
                                      ": groups are made from the weights that it holds"};
  }
  Failure no_products() const {
    return {STRATA_UNIMPLEMENTED, std::string(held().name()) + ": it has no groups along rows"};
  }
  const GroupCodec* groups() const { return std::get_if<GroupCodec>(&form_); }
  const Held& held() const { return std::get<Held>(form_); }

  std::variant<Held, GroupCodec> form_;
};

}  // namespace strata::kernels
