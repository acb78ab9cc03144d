#include "core/plugin/refusal.hpp"

#include "core/error.hpp"
#include "core/plugin/words.hpp"

namespace strata::plugin {
namespace {

// "attention/mine"
bool names_plugin(std::string_view words) {
  for (const auto* kind : {"model/", "attention/", "offload/", "quant/"})
    if (words.starts_with(kind)) return words.find(' ') == words.npos;
  return false;
}

}  // namespace

void refuse_failure(strata_status status, const std::string& who, std::string_view function) {
  const auto words = take_words();
  if (status == STRATA_OK) return;
  if (words.empty())
    throw Error(who, std::string(function) + " failed with status " + std::to_string(status),
                "report this to the plugin's vendor: it gave no message");
  // The host's own words, passed on by the plugin, may already begin with the name.
  if (const auto end = words.find(": "); end != words.npos && names_plugin(words.substr(0, end)))
    throw Error(words.substr(0, end), words.substr(end + 2), "");
  throw Error(who, words, "");
}

}  // namespace strata::plugin
