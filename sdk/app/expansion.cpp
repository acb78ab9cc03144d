#include "app/expansion.hpp"

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

std::string expansion_words(const run::Model& model, strata_dtype dtype) {
  if (!model.tensors) return "";
  std::set<std::string> schemes;
  for (const auto& [name, tensor] : model.tensors->all())
    for (const auto& form : source::forms(tensor))
      if (!form.stored.dense()) schemes.insert(form.stored.scheme);
  if (schemes.empty()) return "";
  std::string out;
  for (const auto& scheme : schemes) out.append(out.empty() ? "" : ", ").append(scheme);
  return out + (schemes.size() == 1 ? " is" : " are") + " expanded to " +
         std::string(name_of(dtype)) +
         " for computing: " + size_text(static_cast<double>(model.stored_bytes())) +
         " as stored, " + size_text(static_cast<double>(model.run_bytes(dtype))) + " expanded";
}

}  // namespace strata::app
