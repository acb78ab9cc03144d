// One object of a JSON file, read key by key so that an unknown one is refused by its name.
#pragma once
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace strata::text {

// Parses a JSON file of a tokenizer by parse_json. The last of two equal keys counts, as it does in
// the library tokenizers, which reads tokenizer.json, and in Python's json, which reads the others.
nlohmann::json read_json(std::string_view bytes, const std::string& file);
// Does the same with the keys in the file's order.
nlohmann::ordered_json read_ordered_json(std::string_view bytes, const std::string& file);

class JsonFields {
 public:
  // `path` names the object in the file, empty for the whole; `value` and `file` outlive this.
  // Throws strata::Error where it is no object or has a key that is not in `known`.
  JsonFields(const nlohmann::json& value, std::string path, const std::string& file,
             std::initializer_list<std::string_view> known);

  // The value of a key; null where it is absent or null.
  const nlohmann::json* find(std::string_view key) const;
  // These throw where the key is missing or of another type.
  const nlohmann::json& at(std::string_view key) const;
  const nlohmann::json& array(std::string_view key) const;
  const std::string& text(std::string_view key) const;
  const std::string& text(std::string_view key, const std::string& otherwise) const;
  const std::string& character(std::string_view key) const;  // exactly one
  int64_t integer(std::string_view key) const;
  std::size_t count(std::string_view key) const;  // not negative
  bool flag(std::string_view key) const;
  bool flag(std::string_view key, bool otherwise) const;

  // The path of a key, and of an element of the array at it.
  std::string path(std::string_view key) const;
  std::string path(std::string_view key, std::size_t index) const;
  const std::string& file() const { return file_; }

  [[noreturn]] void refuse(std::string_view what) const;
  // "NAME is not supported".
  [[noreturn]] void unsupported(std::string_view key, std::string_view value) const;

 private:
  const nlohmann::json& value_;
  std::string path_;
  const std::string& file_;
};

}  // namespace strata::text
