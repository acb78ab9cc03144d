#include "core/plugin/refusal.hpp"

#include "core/error.hpp"
#include "core/plugin/words.hpp"

namespace strata::plugin {

void refuse_failure(strata_status status, const std::string& who, std::string_view function) {
  const auto words = take_words();
  if (status == STRATA_OK) return;
  if (words.empty())
    throw Error(who, std::string(function) + " failed with status " + std::to_string(status),
                "ask the plugin's vendor: it gave no words");
  // The host's own words, passed on by the plugin, may begin with its name already.
  const auto prefix = who + ": ";
  throw Error(who, words.starts_with(prefix) ? words.substr(prefix.size()) : words, "");
}

}  // namespace strata::plugin
