#include "text/token_additions.hpp"

#include <algorithm>
#include <unordered_set>

#include "text/tokenizer_classes.hpp"

namespace strata::text {
namespace {

// The special tokens, those of a name before those of the list.
std::vector<ConfigToken> specials_of(const TokenizerConfig& config) {
  std::vector<ConfigToken> out;
  for (const auto& [name, token] : config.named) out.push_back(token);
  out.insert(out.end(), config.listed.begin(), config.listed.end());
  return out;
}

}  // namespace

Additions additions_of(const TokenizerConfig& config, std::unordered_set<std::string> there,
                       bool own_ends) {
  const auto specials = specials_of(config);
  std::unordered_set<std::string> named;
  for (const auto& [name, token] : config.named) named.insert(token.content);
  Additions out;
  auto& tokens = out.tokens.emplace_back();
  const auto add = [&](const ConfigToken& token) {
    tokens.push_back(token.added(named.contains(token.content)));
  };
  for (const auto& [id, token] : config.added) add(token), there.insert(token.content);
  // A token that is spelled in two different ways is added twice.
  for (auto at = specials.begin(); at != specials.end(); ++at)
    if (!there.contains(at->content) && std::find(specials.begin(), at, *at) == at) add(*at);
  const auto* known = tokenizer_class(config.type);
  if (known && known->again != TokenizerClass::nothing) {
    auto& again = out.tokens.emplace_back();
    for (const auto& token : specials)
      again.push_back(known->again == TokenizerClass::flagged
                          ? token.added(true)
                          : ConfigToken{.content = token.content}.added(true));
  }
  if (config.add_bos || config.add_eos || !own_ends || (known && known->own_ends)) {
    out.ends.emplace();
    if (config.add_bos.value_or(false)) out.ends->begin = config.find("bos_token");
    if (config.add_eos.value_or(false)) out.ends->end = config.find("eos_token");
  }
  out.split_special = config.split_special;
  for (const auto& [name, token] : config.named) out.names.emplace_back(name, token.content);
  return out;
}

}  // namespace strata::text
