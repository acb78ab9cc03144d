// A codec over groups.hpp, on the host and on GPUs, for plugins whose weights come into that form.
// Such a plugin puts its own key before the scheme's words: "mine groups int4 128 code f16".
#pragma once
#include <optional>
#include <span>
#include <strata/quant.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/groups.hpp"

namespace strata::kernels {

// Reads "groups CODE GROUP ZERO SCALE": int4, int8, nf4, e2m1 or e4m3; the elements of a group, an
// even number up to 2^30; none, code or number; f16, bf16 or f32. Nothing: the text is another one.
std::optional<GroupForm> parse_groups(std::string_view text);

// Writes what parse_groups reads.
std::string words_of(const GroupForm&);

// Its members have the contracts of strata/quant.hpp, for weights [..,out,in] in host memory or on
// one GPU, and throw Failure. Parts are "codes", "scales" and, where the form has them, "zeros";
// their rows may be cut. Exact products are computed for up to 64 tokens, fast ones on the host for
// any number.
class GroupCodec {
 public:
  explicit GroupCodec(std::string_view text);  // as parse_groups reads it
  explicit GroupCodec(const GroupForm& form);

  const GroupForm& form() const { return form_; }
  std::vector<Part> parts(strata_dtype, std::span<const int64_t> shape) const;
  // The weight's shape may be that of some rows, [..,out,in] or [rows,in]; so is that of the parts.
  void unpack(const strata_call&, std::span<const Memory> parts, const Memory& weight) const;
  bool unpacks(strata_device) const;
  bool can(const ProductKind&) const;
  uint64_t workspace(const ProductKind&) const;
  void linear(const strata_call&, std::span<const Memory> parts, const Product&) const;
  void linear_grouped(const strata_call&, const GroupedProduct&) const;

 private:
  // Throws unless the parts are those of a weight [rows, columns] where `beside` lies.
  GroupLinear weight_of(std::span<const Memory> parts, int64_t rows, int64_t columns,
                        const Memory& beside) const;
  // Throws unless x and y are those of a product that is computed, with as many tokens.
  void check(const Memory& x, const Memory& y, bool fast) const;
  void multiply(const strata_call&, std::span<const GroupShare> shares, const Memory& x,
                const Memory& y, std::byte* workspace, const strata_threads*, bool fast) const;
  Failure refused(const std::string& why) const;
  Failure unimplemented(const std::string& why) const;

  GroupForm form_;
};

}  // namespace strata::kernels
