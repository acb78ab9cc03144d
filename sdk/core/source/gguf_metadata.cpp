#include "core/error.hpp"
#include "core/source/gguf.hpp"

namespace strata::source {
namespace {

[[noreturn]] void refuse(const Gguf& header, std::string_view key, const char* wanted) {
  throw Error(header.path, "metadata '" + printable(key) + "' is not " + wanted,
              "convert the model again");
}

template <class T>
const T* typed(const Gguf& header, std::string_view key, const char* wanted) {
  const auto* value = header.find(key);
  if (!value) return nullptr;
  const auto* out = std::get_if<T>(value);
  if (!out) refuse(header, key, wanted);
  return out;
}

}  // namespace

const GgufValue* Gguf::find(std::string_view key) const {
  const auto at = metadata.find(key);
  return at == metadata.end() ? nullptr : &at->second;
}

std::optional<std::int64_t> Gguf::integer(std::string_view key) const {
  const auto* value = typed<std::int64_t>(*this, key, "an integer");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> Gguf::number(std::string_view key) const {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  if (const auto* whole = std::get_if<std::int64_t>(value)) return static_cast<double>(*whole);
  return *typed<double>(*this, key, "a number");
}

std::optional<bool> Gguf::flag(std::string_view key) const {
  const auto* value = typed<bool>(*this, key, "a flag");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::string> Gguf::text(std::string_view key) const {
  const auto* value = typed<std::string>(*this, key, "text");
  return value ? std::optional(*value) : std::nullopt;
}

const std::vector<std::string>* Gguf::texts(std::string_view key) const {
  return typed<std::vector<std::string>>(*this, key, "a list of texts");
}

const std::vector<std::int64_t>* Gguf::integers(std::string_view key) const {
  return typed<std::vector<std::int64_t>>(*this, key, "a list of integers");
}

const std::vector<double>* Gguf::numbers(std::string_view key) const {
  return typed<std::vector<double>>(*this, key, "a list of numbers");
}

}  // namespace strata::source
