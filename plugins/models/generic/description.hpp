// The description of one model_type: a TOML file, read and checked as a whole.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "toml.hpp"
#include "values.hpp"

namespace generic {

// Every section and key that there is, with values of its type; docs/descriptions.md says what they
// mean. Throws strata::Failure "file: line: key: fact: remedy".
class Description {
 public:
  Description(std::string_view text, std::string file);

  const toml::table& defaults() const { return defaults_; }
  const toml::table* nulls() const { return root_->get_as<toml::table>("null"); }
  const toml::table* names() const { return root_->get_as<toml::table>("names"); }
  const std::string& model_type() const { return model_type_; }

  // Throws where config.json has a value that the description expects to be another.
  void check(const Values& values) const;

  // "file: line 3: attention.heads: fact", for people.
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
  double number(std::string_view key, double fallback) const;  // what is off: the fallback
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // As the description has it, for this layer; null: it has no such key.
  const toml::node* find(std::string_view key) const;
  const Values& values() const { return values_; }
  // One of the words, as its place among them.
  std::size_t choice(std::string_view key, std::initializer_list<std::string_view> words) const;

  strata::Failure invalid(std::string_view key, const std::string& fact) const;

 private:
  const toml::node& need(std::string_view key) const;
  template <class Read>
  auto read(std::string_view key, const toml::node& node, bool off, Read read) const;

  const Description& description_;
  const Values& values_;
  std::int64_t layer_;
  std::vector<const toml::table*> tables_;  // the last that has a key gives it
};

}  // namespace generic
