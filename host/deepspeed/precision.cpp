#include "host/deepspeed/precision.hpp"

#include "core/error.hpp"

namespace strata::deepspeed {
namespace {

using Flag = std::optional<bool>;

std::string merged(Flag bf16, Flag fp16, const std::string& who) {
  if (fp16.value_or(false))
    throw UsageError(who, "fp16.enabled: only bf16 mixed precision is supported, fp16 is not",
                     "enable bf16 in its place, or leave out --ds-precision merged");
  return bf16.value_or(!fp16.has_value()) ? "bfloat16" : "float32";
}

std::string of_file(Flag bf16, Flag fp16, const std::string& who) {
  if (!fp16.value_or(false)) return merged(bf16, fp16, who);
  if (bf16.value_or(false))
    throw UsageError(who, "bf16.enabled and fp16.enabled are both true, which DeepSpeed refuses",
                     "enable one of them, or give --dtype");
  return "float16";
}

std::string first(Flag bf16, Flag fp16) {
  if (bf16) return *bf16 || (fp16 && !*fp16) ? "bfloat16" : "float16";
  return fp16.value_or(false) ? "float16" : "bfloat16";
}

}  // namespace

Semantics semantics_of(const std::string& name) {
  return name == "first"    ? Semantics::first
         : name == "merged" ? Semantics::merged
                            : Semantics::file;
}

Precision deepspeed_precision(Flag bf16, Flag fp16, Semantics semantics, const std::string& who) {
  const auto dtype = semantics == Semantics::merged  ? merged(bf16, fp16, who)
                     : semantics == Semantics::first ? first(bf16, fp16)
                                                     : of_file(bf16, fp16, who);
  return {dtype, dtype, dtype};
}

}  // namespace strata::deepspeed
