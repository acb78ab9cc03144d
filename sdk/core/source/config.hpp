// A configuration in JSON (config.json, or a plugin's own options), asked by key path.
#pragma once
#include <strata/abi/ops.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/source/json.hpp"

namespace strata::source {

// A path is "a.b.2": keys, and positions of lists. "new|old" is the first of them that is there. A
// null is not there. Errors name the configuration and the path. Any thread may ask.
class Config {
 public:
  // `bytes` of JSON, an object; `name` says in errors which configuration it is.
  Config(std::string bytes, std::string name);

  const std::string& raw() const { return bytes_; }
  const std::string& name() const { return name_; }

  std::uint64_t count(std::string_view path) const;  // a list's length; 1: another value; 0: none
  // The fallback (null: Error) where the path is not there; true is 1, false is 0.
  std::int64_t i64(std::string_view path, const std::int64_t* fallback = nullptr) const;
  double f64(std::string_view path, const double* fallback = nullptr) const;
  // Alive as long as this configuration.
  std::string_view text(std::string_view path, const std::string_view* fallback = nullptr) const;

  // Fills the fields that `inout` has room for from the model at `path` ("": the root), or from
  // "PATH.rope_parameters.KIND" where the model turns its layers by kinds. rope_parameters is read,
  // else rope_theta and rope_scaling. Going in, `layout` is the caller's and stays, `theta` and
  // `dim` above 0 are the family's default theta and head's dimensions; 0: theta 10000 and those of
  // the configuration. What `type` and the factors point at lives as long as this configuration.
  void rope(std::string_view path, strata_op_rope& inout) const;

 private:
  const Json* find(std::string_view path) const;
  const Json* walk(std::string_view path) const;
  std::string_view present(std::string_view path) const;  // the one of several that is there
  const double* numbers(const std::string& path, const Json& list) const;
  [[noreturn]] void missing(std::string_view path) const;
  [[noreturn]] void wrong(std::string_view path, std::string_view wanted) const;
  friend class RopeReader;

  std::string bytes_, name_;
  Json root_;
  mutable std::mutex lists_mutex_;
  mutable std::map<std::string, std::vector<double>> lists_;  // by path; never removed
};

}  // namespace strata::source
