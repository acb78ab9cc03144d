#include "host/deepspeed/block.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "host/deepspeed/lax_values.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

std::string dump(const json& value) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

Block::Block(const DsConfig& config, std::string name)
    : file_(config.name()), name_(std::move(name)) {
  const auto block = config.value(name_);
  if (!block.is_object()) return;
  const auto type = block.find("type");
  if (type == block.end() || type->is_null()) return;
  if (!type->is_string())
    throw UsageError(file_, name_ + ".type: " + dump(*type) + " is no text", "fix it");
  type_ = type->get<std::string>();
  const auto params = block.find("params");
  if (params == block.end() || params->is_null()) return;
  if (!params->is_object())
    throw UsageError(file_, name_ + ".params: " + dump(*params) + " is no object", "write {...}");
  params_ = *params;
}

void Block::refuse_type(const std::string& what, const std::string& remedy) const {
  throw UsageError(file_, name_ + ".type: '" + printable(type_) + "' " + what, remedy);
}

void Block::refuse(std::string_view key, const std::string& what, const std::string& remedy) const {
  throw UsageError(file_, name_ + ".params." + printable(key) + ": " + what, remedy);
}

void Block::allow(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : params_.items()) {
    if (std::ranges::find(keys, key) != keys.end()) continue;
    const std::vector<std::string> known(keys.begin(), keys.end());
    refuse(key, "'" + printable(type_) + "' has no such parameter",
           did_you_mean(key, known, "leave it out"));
  }
}

bool Block::is_auto(std::string_view key) const {
  const auto at = params_.find(key);
  if (at == params_.end() || !at->is_string()) return false;
  auto text = at->get<std::string>();
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text == "auto";
}

const json* Block::value(std::string_view key) const {
  const auto at = params_.find(key);
  return at == params_.end() || at->is_null() || is_auto(key) ? nullptr : &*at;
}

std::optional<double> Block::number(std::string_view key, double low) const {
  const auto* given = value(key);
  if (!given) return {};
  if (!given->is_number() || !std::isfinite(given->get<double>()))
    refuse(key, dump(*given) + " is no number", "fix it");
  const auto out = given->get<double>();
  if (out < low) refuse(key, dump(*given) + " is out of range", "fix it");
  return out;
}

std::optional<std::int64_t> Block::integer(std::string_view key, std::int64_t low) const {
  const auto* given = value(key);
  if (!given) return {};
  const auto out = converted(Type::integer, *given, false);
  if (out.is_discarded()) refuse(key, dump(*given) + " is no integer", "fix it");
  if (out.get<std::int64_t>() < low) refuse(key, dump(*given) + " is out of range", "fix it");
  return out.get<std::int64_t>();
}

bool Block::flag(std::string_view key, bool fallback) const {
  const auto* given = value(key);
  if (!given) return fallback;
  const auto out = converted(Type::flag, *given, false);
  if (out.is_discarded()) refuse(key, dump(*given) + " is no flag", "give true or false");
  return out.get<bool>();
}

}  // namespace strata::deepspeed
