// Tokens and flags as a tokenizer_config.json spells them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "text/added_tokens.hpp"
#include "text/description.hpp"

namespace strata::text {

// A token: its text alone, or an object with flags.
struct ConfigToken {
  std::string content;
  bool plain = true;  // no flags: a special token
  bool special = false, single_word = false, lstrip = false, rstrip = false;
  std::optional<bool> normalized = std::nullopt;  // none: true where the token is not special

  // `named` tokens are special whatever their flags say.
  AddedToken added(bool named) const;
  bool operator==(const ConfigToken&) const = default;
};

// The token, or none where the value is null or an empty text. Both throw strata::Error that names
// `file` and the key where the value has another type.
std::optional<ConfigToken> config_token(const Description& value, std::string_view key,
                                        const std::string& file);
std::optional<bool> config_flag(const Description& object, const char* key,
                                const std::string& file);

}  // namespace strata::text
