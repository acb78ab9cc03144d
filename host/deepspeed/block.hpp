// One block {"type": ..., "params": {...}} of a ds_config.
#pragma once
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/deepspeed/ds_config.hpp"

namespace strata::deepspeed {

class Block {
 public:
  // `config` must outlive the block. Throws UsageError for a type or params of another type.
  Block(const DsConfig& config, std::string name);

  // As the file writes it; empty if there is no block, or none of a type, which DeepSpeed ignores.
  const std::string& type() const { return type_; }
  // Refuses the block's type.
  [[noreturn]] void refuse_type(const std::string& what, const std::string& remedy) const;
  // Refuses one of its parameters.
  [[noreturn]] void refuse(std::string_view key, const std::string& what,
                           const std::string& remedy) const;
  // Refuses parameters other than these.
  void allow(std::initializer_list<std::string_view> keys) const;

  bool has(std::string_view key) const { return params_.contains(key); }
  bool is_auto(std::string_view key) const;
  // The parameter's value; empty if it is absent, null or "auto". Throws UsageError for a value of
  // another type or below `low`.
  std::optional<double> number(std::string_view key, double low) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low) const;
  bool flag(std::string_view key, bool fallback) const;
  const nlohmann::json* value(std::string_view key) const;

 private:
  std::string file_, name_, type_;
  nlohmann::json params_ = nlohmann::json::object();
};

}  // namespace strata::deepspeed
