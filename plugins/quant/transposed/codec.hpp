// A quant plugin's class over a Format of file_form.hpp: its schemes are the weights of
// checkpoints, "KEY ...", and the form that products use, "KEY groups ...", which is
// strata::kernels'.
#pragma once
#include <utility>
#include <variant>

#include "kernels/group_codec.hpp"
#include "transposed/file_form.hpp"

namespace transposed {

template <class Format>
class Codec {
  using File = FileForm<Format>;
  using Groups = strata::kernels::GroupCodec;

 public:
  static int32_t score(std::string_view scheme, const strata::Config*) {
    return take_word(scheme) == Format::key ? 100 : 0;
  }
  static std::optional<strata::PackedWeight> recognize(
      const strata::Config* options, std::string_view weight,
      std::span<const strata::WeightTensor> tensors) {
    return Format::recognize(options, weight, tensors);
  }

  Codec(std::string_view scheme, const strata::Config*) : form_(made(scheme)) {}

  std::vector<strata::Part> parts(strata_dtype dtype, std::span<const int64_t> shape) const {
    if (const auto* groups = std::get_if<Groups>(&form_)) return groups->parts(dtype, shape);
    return file().format().parts(file().shape_of(shape));
  }

  void pack(const strata_call&, const Memory&, std::span<const Memory>) const {
    throw strata::Failure(
        STRATA_UNIMPLEMENTED,
        std::string(Format::key) + ": weights are read in this format, not packed");
  }

  void unpack(const strata_call& call, std::span<const Memory> parts, const Memory& weight) const {
    if (const auto* groups = std::get_if<Groups>(&form_))
      return groups->unpack(call, parts, weight);
    file().unpack(parts, weight);
  }

  // Weights in groups alone: the files' own parts are unpacked in host memory.
  bool unpacks(strata_device device) const {
    const auto* groups = std::get_if<Groups>(&form_);
    return groups && groups->unpacks(device);
  }

  bool can(const strata::ProductKind& kind) const {
    const auto* groups = std::get_if<Groups>(&form_);
    return groups && groups->can(kind);
  }
  uint64_t workspace(const strata::ProductKind& kind) const {
    const auto* groups = std::get_if<Groups>(&form_);
    return groups ? groups->workspace(kind) : 0;
  }
  void linear(const strata_call& call, std::span<const Memory> parts,
              const strata::Product& product) const {
    const auto* groups = std::get_if<Groups>(&form_);
    if (!groups) throw no_products();
    groups->linear(call, parts, product);
  }
  void linear_grouped(const strata_call& call, const strata::GroupedProduct& product) const {
    const auto* groups = std::get_if<Groups>(&form_);
    if (!groups) throw no_products();
    groups->linear_grouped(call, product);
  }

  std::optional<std::string> run_scheme(const strata::ProductKind& kind) const {
    if (std::holds_alternative<Groups>(form_)) return std::nullopt;
    const auto groups = file().groups_of(kind.weight);
    if (!groups || !Groups(*groups).can(kind)) return std::nullopt;
    return std::string(Format::key) + ' ' + strata::kernels::words_of(*groups);
  }

  void repack(const strata_call&, std::span<const int64_t> shape, std::span<const Memory> held,
              std::span<const Memory> run) const {
    if (std::holds_alternative<Groups>(form_))
      throw strata::Failure(STRATA_INVALID,
                            std::string(Format::key) + ": groups along rows need no other form");
    const auto groups = file().groups_of(shape);
    if (!groups) throw file().unimplemented("its columns are in no groups along rows");
    const auto wanted = Groups(*groups).parts({}, shape);
    if (run.size() != wanted.size())
      throw file().refused(std::to_string(run.size()) + " parts to fill, and groups have " +
                           std::to_string(wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (run[i].dtype.bits != wanted[i].dtype.bits || !run[i].on_host() ||
          run[i].elements() != wanted[i].shape[0] * wanted[i].shape[1])
        throw file().refused("the " + std::string(wanted[i].role) +
                             " to fill are none of such groups in host memory");
    file().repack(shape, held, run);
  }

 private:
  strata::Failure no_products() const {
    return file().unimplemented("products need the weight's groups along rows");
  }
  static std::variant<File, Groups> made(std::string_view scheme) {
    auto rest = scheme;
    if (take_word(rest) != Format::key)
      throw strata::Failure(STRATA_INVALID,
                            std::string(scheme) +
                                ": no scheme of this codec: its schemes begin with " +
                                std::string(Format::key));
    if (rest.starts_with("groups ")) return Groups(rest);
    return File(Format(rest, scheme), std::string(scheme));
  }
  const File& file() const { return std::get<File>(form_); }

  std::variant<File, Groups> form_;
};

}  // namespace transposed
