// A ds_config: DeepSpeed's configuration, read as DeepSpeed reads it, and checked.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/deepspeed/fields.hpp"

namespace strata::deepspeed {

class DsConfig {
 public:
  // `bytes` of Hjson; `name` begins every message. Any key may be "auto". Throws UsageError for a
  // document that is no object, a value of the wrong type or out of its bounds, a key given under
  // two names, and for a quantization that is none here.
  DsConfig(const std::string& bytes, std::string name);

  struct Remark {
    std::string key, words;
  };
  const std::string& name() const { return name_; }
  const std::vector<Remark>& ignored() const { return ignored_; }
  const std::vector<Remark>& replaced() const { return replaced_; }
  const std::vector<Remark>& unknown() const { return unknown_; }
  // The paths that were given, are known and not ignored.
  const std::vector<std::string>& understood() const { return understood_; }

  bool given(std::string_view path) const { return values_.contains(std::string(path)); }
  // The value, else the default, else null. 5e8 counts as an integer.
  nlohmann::json value(std::string_view path) const;
  // The value, or null if it is absent or "auto".
  const nlohmann::json* number(std::string_view path) const;

 private:
  void read(const nlohmann::json& object, const std::string& prefix);
  void read_old_zero(bool on);
  void take(const Field& field, const std::string& key, const nlohmann::json& value);
  [[noreturn]] void refuse(const std::string& key, const std::string& what,
                           const std::string& remedy) const;

  std::string name_;
  std::map<std::string, nlohmann::json> values_;
  std::vector<std::string> understood_;
  std::vector<Remark> ignored_, replaced_, unknown_;
};

// The file of --ds-config. Throws UsageError where it cannot be read.
DsConfig read_ds_config(const std::string& file);

}  // namespace strata::deepspeed
