#include "text/json_fields.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/utf8.hpp"

namespace strata::text {

using nlohmann::json;

namespace {

// The advice for a file that is malformed.
std::string remedy_of(const std::string& file) {
  return "give a whole " + file.substr(file.find_last_of('/') + 1);
}

}  // namespace

json read_json(std::string_view bytes, const std::string& file) {
  return parse_json(bytes, file, {.last_counts = true, .remedy = remedy_of(file)});
}

nlohmann::ordered_json read_ordered_json(std::string_view bytes, const std::string& file) {
  return parse_ordered_json(bytes, file, {.last_counts = true, .remedy = remedy_of(file)});
}

JsonFields::JsonFields(const json& value, std::string path, const std::string& file,
                       std::initializer_list<std::string_view> known)
    : value_(value), path_(std::move(path)), file_(file) {
  if (!value.is_object()) refuse((path_.empty() ? "the file" : path_) + " is no JSON object");
  for (const auto& [key, unused] : value.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse("key '" + this->path(printable(key, 60)) + "' is not known");
}

const json* JsonFields::find(std::string_view key) const {
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

const json& JsonFields::at(std::string_view key) const {
  const auto* value = find(key);
  if (!value) refuse("key '" + path(key) + "' is missing");
  return *value;
}

const json& JsonFields::array(std::string_view key) const {
  const auto& value = at(key);
  if (!value.is_array()) refuse("'" + path(key) + "' is no array");
  return value;
}

const std::string& JsonFields::text(std::string_view key) const {
  const auto& value = at(key);
  if (!value.is_string()) refuse("'" + path(key) + "' is no string");
  return value.get_ref<const std::string&>();
}

const std::string& JsonFields::text(std::string_view key, const std::string& otherwise) const {
  return find(key) ? text(key) : otherwise;
}

const std::string& JsonFields::character(std::string_view key) const {
  const auto& one = text(key);
  if (one.empty() || first_sequence(one).length != one.size())
    refuse("'" + path(key) + "' is not one character");
  return one;
}

int64_t JsonFields::integer(std::string_view key) const {
  const auto& value = at(key);
  if (!value.is_number_integer() || value > INT64_MAX)
    refuse("'" + path(key) + "' is no whole number");
  return value.get<int64_t>();
}

std::size_t JsonFields::count(std::string_view key) const {
  const auto value = integer(key);
  if (value < 0) refuse("'" + path(key) + "' is negative");
  return static_cast<std::size_t>(value);
}

bool JsonFields::flag(std::string_view key) const {
  const auto& value = at(key);
  if (!value.is_boolean()) refuse("'" + path(key) + "' is neither true nor false");
  return value.get<bool>();
}

bool JsonFields::flag(std::string_view key, bool otherwise) const {
  return find(key) ? flag(key) : otherwise;
}

std::string JsonFields::path(std::string_view key) const {
  return (path_.empty() ? "" : path_ + ".") + std::string(key);
}

std::string JsonFields::path(std::string_view key, std::size_t index) const {
  return path(key) + "[" + std::to_string(index) + "]";
}

void JsonFields::refuse(std::string_view what) const {
  throw Error(file_, what, "give a whole tokenizer.json");
}

void JsonFields::unsupported(std::string_view key, std::string_view value) const {
  refuse(path(key) + " '" + printable(value, 60) + "' is not supported");
}

}  // namespace strata::text
