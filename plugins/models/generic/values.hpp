// The values of config.json, completed by the defaults of a description.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <strata/plugin.hpp>
#include <string>
#include <string_view>

#include "toml.hpp"

namespace generic {

// Null (off), a boolean, a number, or text.
using Value = nlohmann::json;

inline constexpr std::int64_t no_layer = -1;

// The place for which a value is asked.
struct Place {
  std::int64_t layer = no_layer;  // counted from 0; a list in config.json gives its element
  bool off = false;               // null may be a value: off
};

// Looks values up and evaluates them; throws strata::Failure for a value that cannot be computed.
class Values {
 public:
  // The tables must outlive this object. `nulls` is the meaning of null for each key; without it
  // null means off if the place allows that, else an absent key. `names` holds other names of keys,
  // which are looked up first.
  Values(std::string_view config, const toml::table& defaults, const toml::table* nulls = nullptr,
         const toml::table* names = nullptr);

  // A literal, or the value of an expression over keys: "$hidden_size", "4 * $n_embd".
  Value of(const toml::node& node, Place place) const { return of(node, place, 0); }
  // The value at a path "a.b.2" of config.json, or its default; discarded if there is neither.
  Value at(std::string_view path, Place place) const { return at(path, place, 0); }
  // The value as config.json has it; null if it has no such key.
  const Value* given(std::string_view path) const;
  // An object of the defaults, with its values for the model as a whole; discarded if there is
  // none.
  Value default_object(std::string_view path) const;

 private:
  Value of(const toml::node& node, Place place, int depth) const;
  Value at(std::string_view path, Place place, int depth) const;
  Value expression(std::string_view text, Place place, int depth) const;
  Value operand(std::string_view word, Place place, int depth) const;
  Value repeated(const Value& blocks, std::string_view path, std::int64_t layer) const;
  bool lists(std::string_view path, std::int64_t layer) const;  // layers count from 0
  Value by_layer(const toml::table& rule, Place place, int depth) const;
  Value otherwise(std::string_view path, Place place, int depth) const;
  bool stands_for_absent(std::string_view path, const toml::node* meant, Place place) const;

  nlohmann::json config_;
  const toml::table& defaults_;
  const toml::table* nulls_;
  mutable std::int64_t looked_up_ = 0;  // bounded, because chained defaults can grow exponentially
};

// A whole number of at least `least`; throws if it is none, or is larger than any length.
std::int64_t whole(const Value& value, std::int64_t least);

}  // namespace generic
