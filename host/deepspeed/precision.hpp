// Which dtypes a ds_config's bf16 and fp16 ask for.
#pragma once
#include <optional>
#include <string>

namespace strata::deepspeed {

// The ways to read the two flags together. `merged`: float16 is refused, and a flag that is off
// without the other one on means float32. `first`: the result is always one of the two 16-bit
// formats. `file`: as merged, but fp16 alone means float16; both are refused, as DeepSpeed does.
enum class Semantics { file, merged, first };

Semantics semantics_of(const std::string& name);  // "auto" (file), "merged" or "first"

// Names as --dtype has them.
struct Precision {
  std::string storage, compute, reduce;
  bool operator==(const Precision&) const = default;
};

// Under DeepSpeed the weights that compute are stored in the dtype of the computation, beside its
// optimizer's float32 ones, and reduced in that dtype too. An empty flag is "auto" or absent.
// Throws UsageError with `who` first where the flags are refused.
Precision deepspeed_precision(std::optional<bool> bf16, std::optional<bool> fp16,
                              Semantics semantics, const std::string& who);

}  // namespace strata::deepspeed
