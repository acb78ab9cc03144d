// The description of one model_type: a TOML file, read and checked as a whole.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "toml.hpp"
#include "values.hpp"

namespace generic {

// Accepts only known sections and keys, with values of their types; docs/descriptions.md says what
// they mean. Throws strata::Failure "file: line: key: fact: remedy".
class Description {
 public:
  Description(std::string_view text, std::string file);

  const toml::table& defaults() const { return defaults_; }
  const toml::table* nulls() const { return root_->get_as<toml::table>("null"); }
  const toml::table* names() const { return root_->get_as<toml::table>("names"); }
  const std::string& model_type() const { return model_type_; }

  // Throws if config.json has another value than the description expects.
  void check(const Values& values) const;

  // An error with its place: "file: line 3: attention.heads: fact".
  strata::Failure invalid(const toml::node* node, std::string_view key,
                          const std::string& fact) const;

 private:
  friend class Reader;
  void check_sections(const toml::table& table, bool variant) const;
  bool holds(const toml::table& when, const Values& values, std::int64_t layer) const;

  std::string file_, model_type_;
  std::shared_ptr<const toml::table> root_;
  toml::table defaults_;
  std::vector<const toml::table*> variants_;
};

// The keys as they are for one layer, or for the model as a whole.
class Reader {
 public:
  Reader(const Description& description, const Values& values, std::int64_t layer = no_layer);

  // A key is "section.key". Without a fallback a key that the description leaves out throws.
  std::int64_t size(std::string_view key) const;
  std::int64_t size(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key, double fallback) const;  // the fallback also stands for off
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // The key's node for this layer; null if the description has no such key.
  const toml::node* find(std::string_view key) const;
  const Values& values() const { return values_; }
  // The index of the key's value among `words`.
  std::size_t choice(std::string_view key, std::initializer_list<std::string_view> words) const;

  strata::Failure invalid(std::string_view key, const std::string& fact) const;

 private:
  const toml::node& need(std::string_view key) const;
  template <class Read>
  auto read(std::string_view key, const toml::node& node, bool off, Read read) const;

  const Description& description_;
  const Values& values_;
  std::int64_t layer_;
  std::vector<const toml::table*> tables_;  // the last one that has a key wins
};

}  // namespace generic
