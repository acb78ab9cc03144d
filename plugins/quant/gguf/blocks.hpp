// The block formats of GGUF files. A weight [.., n] is one part, "blocks": bytes [.., n / 32 * b],
// as they lie in the file. F32, F16 and BF16 are dense and need no codec.
#pragma once
#include <kernels/block_products.hpp>
#include <kernels/groups.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace gguf {

// Its members have the contracts of strata/quant.hpp, and throw Failure. Weights are unpacked in
// host memory and on a GPU, and multiplied on the host.
class Blocks {
 public:
  static bool knows(std::string_view scheme);
  static std::string known();  // the schemes, for a message

  explicit Blocks(std::string_view scheme);

  std::string_view name() const { return name_; }
  std::vector<strata::Part> parts(std::span<const int64_t> shape) const;
  void pack(const strata::Memory& weight, std::span<const strata::Memory> given) const;
  void unpack(const strata_call&, std::span<const strata::Memory> given,
              const strata::Memory& weight) const;
  static bool unpacks(strata_device);
  bool can(const strata::ProductKind&) const;
  uint64_t workspace(const strata::ProductKind&) const;
  void linear(std::span<const strata::Memory> given, const strata::Product&) const;
  void linear_grouped(const strata::GroupedProduct&) const;

  // The groups along rows that have the same numbers; nothing: there are none, or only some that
  // the CPU had to make from the blocks at each use, since they are much larger.
  std::optional<strata::kernels::GroupForm> groups(strata_device) const;
  void regroup(const strata_call&, std::span<const int64_t> shape,
               std::span<const strata::Memory> held, std::span<const strata::Memory> run) const;

 private:
  strata::Failure unimplemented(const std::string& why) const;
  // The number of the weight's blocks; throws unless the part holds exactly as many.
  int64_t count(const strata::Memory& weight, std::span<const strata::Memory> given) const;
  void unpack_there(const strata_call&, const strata::Memory& part, const strata::Memory& weight,
                    int64_t blocks) const;
  template <class Product>
  void check(const Product&) const;
  // The blocks of a weight of the product.
  template <class Product>
  const std::byte* blocks_of(std::span<const strata::Memory> given, const Product&) const;

  int format_;
  std::string_view name_;
  int64_t elements_ = 0, bytes_ = 0;  // of a block
  std::optional<strata::kernels::Block> kernel_;
  std::optional<strata::kernels::GroupForm> groups_;
};

}  // namespace gguf
