#include "app/expansion.hpp"

#include <strata/abi/model.h>

#include <cstdio>
#include <set>

#include "core/source/dtype.hpp"

namespace strata::app {
namespace {

std::string size_text(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, bytes < 1e9 ? "%.1f MB" : "%.1f GB",
                bytes / (bytes < 1e9 ? 1e6 : 1e9));
  return text;
}

std::string_view name_of(strata_dtype dtype) {
  return same(dtype, source::bf16) ? "bfloat16" : same(dtype, source::f16) ? "float16" : "float32";
}

}  // namespace

std::string expansion_words(const run::Prepared& prepared, strata_dtype dtype) {
  std::set<std::string> schemes;
  uint64_t stored = 0, expanded = 0;
  for (const auto& unit : prepared.units)
    for (const auto& weight : unit.weights) {
      const auto& source = weight.source;
      const bool again = prepared.tied && weight.role == STRATA_TABLE;
      if (!source::in_blocks(source) || !weight.run.dense() || again) continue;
      for (const auto& form : source::forms(source))
        if (!form.stored.dense()) schemes.insert(form.stored.scheme);
      // The forms of a table that is not held are those of a row.
      const auto rows = static_cast<uint64_t>(weight.is_held() ? 1 : weight.shape[0]);
      const auto* slice = source.step<source::Slice>();
      stored += slice ? source.stored.bytes / static_cast<uint64_t>(slice->all) *
                            static_cast<uint64_t>(weight.shape[0])
                      : source.stored.bytes * rows;
      expanded += weight.run.bytes * rows;
    }
  if (schemes.empty()) return "";
  std::string out;
  for (const auto& scheme : schemes) out.append(out.empty() ? "" : ", ").append(scheme);
  return out + (schemes.size() == 1 ? " is" : " are") + " expanded to " +
         std::string(name_of(dtype)) + " for computing: " + size_text(static_cast<double>(stored)) +
         " as stored, " + size_text(static_cast<double>(expanded)) + " expanded";
}

}  // namespace strata::app
