#include "core/source/config.hpp"

#include <algorithm>
#include <charconv>

#include "core/error.hpp"

namespace strata::source {
namespace {

const Json* step(const Json& at, std::string_view key) {
  if (at.is_object()) {
    const auto found = at.find(std::string(key));
    return found == at.end() ? nullptr : &*found;
  }
  std::size_t index = 0;
  const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), index);
  if (!at.is_array() || code != std::errc() || end != key.data() + key.size() || index >= at.size())
    return nullptr;
  return &at[index];
}

// Calls `use` with each piece of the text between separators until one is not null.
template <class Use>
const Json* first(std::string_view text, char separator, Use use) {
  for (;;) {
    const auto end = std::min(text.find(separator), text.size());
    if (const auto* found = use(text.substr(0, end))) return found;
    if (end == text.size()) return nullptr;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Config::Config(std::string bytes, std::string name)
    : bytes_(std::move(bytes)), name_(std::move(name)), root_(parse_settings(bytes_, name_)) {
  check();
  // Other readers read the bytes as JSON spells them.
  if (!Json::accept(bytes_)) bytes_ = root_.dump();
}

void Config::check() const {
  if (!root_.is_object()) throw Error(name_, "is not a JSON object", "check the file");
}

const Json* Config::locate(std::string_view path) const {
  const Json* at = &root_;
  while (at && !path.empty()) {
    const auto end = std::min(path.find('.'), path.size());
    at = step(*at, path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return at;
}

const Json* Config::walk(std::string_view path) const {
  const auto* at = locate(path);
  return at && at->is_null() ? nullptr : at;
}

const Json* Config::find(std::string_view path) const {
  return first(path, '|', [this](std::string_view one) { return walk(one); });
}

std::string_view Config::present(std::string_view path) const {
  auto out = path;
  first(path, '|', [&](std::string_view one) {
    const auto* found = walk(one);
    if (found) out = one;
    return found;
  });
  return out;
}

void Config::missing(std::string_view path) const {
  throw Error(name_, "key '" + printable(path) + "' is missing", "the model needs it");
}

void Config::wrong(std::string_view path, std::string_view wanted) const {
  throw Error(name_, "key '" + printable(present(path)) + "' is not " + std::string(wanted),
              "fix the configuration");
}

std::uint64_t Config::count(std::string_view path) const {
  const auto* value = find(path);
  if (!value) return 0;
  return value->is_array() ? value->size() : 1;
}

std::int64_t Config::i64(std::string_view path, const std::int64_t* fallback) const {
  const auto* value = find(path);
  if (!value && fallback) return *fallback;
  if (!value) missing(path);
  if (value->is_boolean()) return value->get<bool>() ? 1 : 0;
  if (*value == "true" || *value == "false" || *value == "True" || *value == "False")
    wrong(path, "true or false without quotation marks");
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX))
    wrong(path, "an integer");
  return value->get<std::int64_t>();
}

bool Config::flag(std::string_view path, bool fallback) const {
  const auto* value = find(path);
  if (!value) return fallback;
  if (value->is_number_integer()) return *value != 0;
  if (!value->is_boolean()) wrong(path, "true or false");
  return value->get<bool>();
}

double Config::f64(std::string_view path, const double* fallback) const {
  const auto* value = find(path);
  if (!value && fallback) return *fallback;
  if (!value) missing(path);
  if (!value->is_number()) wrong(path, "a number");
  return value->get<double>();
}

std::string_view Config::text(std::string_view path, const std::string_view* fallback) const {
  const auto* value = find(path);
  if (!value && fallback) return *fallback;
  if (!value) missing(path);
  if (!value->is_string()) wrong(path, "text");
  return value->get_ref<const std::string&>();
}

void Config::refuse_null(std::string_view path, const std::vector<std::string>& meaningful) const {
  first(path, '|', [&](std::string_view one) -> const Json* {
    const auto* found = locate(one);
    if (found && found->is_null() && std::ranges::find(meaningful, one) == meaningful.end())
      throw Error(name_, "key '" + printable(one) + "' is null", "give a value, or remove it");
    return found && !found->is_null() ? found : nullptr;
  });
}

const double* Config::numbers(const std::string& path, const Json& list) const {
  std::vector<double> values;
  for (const auto& value : list) {
    if (!value.is_number()) wrong(path, "a list of numbers");
    values.push_back(value.get<double>());
  }
  const std::lock_guard lock(mutex_);
  return lists_.try_emplace(list.dump(), std::move(values)).first->second.data();
}

void Config::note(std::string words) const {
  const std::lock_guard lock(mutex_);
  notes_.insert(std::move(words));
}

std::set<std::string> Config::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

}  // namespace strata::source
