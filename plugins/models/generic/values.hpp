// What config.json says, and what a description says that it means where it is silent.
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

// Where a value is asked for.
struct Place {
  std::int64_t layer = no_layer;  // counted from 0; a list in config.json gives its element
  bool off = false;               // null may be a value: off
};

// What cannot be computed throws strata::Failure.
class Values {
 public:
  // The tables outlive this. `nulls`: what null means by key; without it null is off where a place
  // allows that, and elsewhere as an absent key. `names`: other names of keys, which go first.
  Values(std::string_view config, const toml::table& defaults, const toml::table* nulls = nullptr,
         const toml::table* names = nullptr);

  // A literal, or the value of an expression over keys: "$hidden_size", "4 * $n_embd".
  Value of(const toml::node& node, Place place) const { return of(node, place, 0); }
  // The value at a path "a.b.2" of config.json, or its default; discarded where there is neither.
  Value at(std::string_view path, Place place) const { return at(path, place, 0); }
  // As config.json has it; null: it has no such key.
  const Value* given(std::string_view path) const;
  // An object of the defaults, its values as they are for the model; discarded: there is none.
  Value default_object(std::string_view path) const;

 private:
  Value of(const toml::node& node, Place place, int depth) const;
  Value at(std::string_view path, Place place, int depth) const;
  Value expression(std::string_view text, Place place, int depth) const;
  Value operand(std::string_view word, Place place, int depth) const;
  bool lists(std::string_view path, std::int64_t layer) const;  // layers from 0
  Value by_layer(const toml::table& rule, Place place, int depth) const;
  Value otherwise(std::string_view path, Place place, int depth) const;
  bool stands_for_absent(std::string_view path, const toml::node* meant, Place place) const;

  nlohmann::json config_;
  const toml::table& defaults_;
  const toml::table* nulls_;
  mutable std::int64_t looked_up_ = 0;  // bounded: defaults may multiply each other
};

// A whole number of at least `least`; throws where it is none, or larger than any length.
std::int64_t whole(const Value& value, std::int64_t least);

}  // namespace generic
