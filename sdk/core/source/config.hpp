// A configuration in JSON (config.json, or a plugin's own options), asked by key path.
#pragma once
#include <strata/abi/ops.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
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
  bool flag(std::string_view path, bool fallback) const;  // a whole number counts as in Python
  // Alive as long as this configuration.
  std::string_view text(std::string_view path, const std::string_view* fallback = nullptr) const;

  // Fills the fields that `inout` has room for from the model at `path` ("": the root), or from
  // "PATH.rope_parameters.KIND" where the model turns its layers by kinds, or from rope parameters
  // in JSON ("{...}"), beside which of the model only max_position_embeddings counts. A model's
  // rope_scaling counts, else its rope_parameters, and its rope_theta and partial_rotary_factor
  // where these do not have them. Going in, `layout` is the caller's and stays; `theta`, `dim` and
  // `max_positions` above 0 are the family's default theta, a head's dimensions and the default of
  // max_position_embeddings; 0: theta 10000, and the configuration must say the others. What `type`
  // and the factors point at lives as long as this configuration.
  void rope(std::string_view path, strata_op_rope& inout) const;

  // Throws where one of the keys at `path` is null and not among these.
  void refuse_null(std::string_view path, const std::vector<std::string>& meaningful) const;

  // What was read and does not count, each once, for people: "rope_scaling: rope type 'linear' does
  // not use beta".
  std::set<std::string> notes() const;

 private:
  const Json* find(std::string_view path) const;
  const Json* walk(std::string_view path) const;
  const Json* locate(std::string_view path) const;        // of one path; null is there
  std::string_view present(std::string_view path) const;  // the one of several that is there
  const double* numbers(const std::string& path, const Json& list) const;
  void note(std::string words) const;
  [[noreturn]] void missing(std::string_view path) const;
  [[noreturn]] void wrong(std::string_view path, std::string_view wanted) const;
  friend class RopeReader;

  std::string bytes_, name_;
  Json root_;
  mutable std::mutex mutex_;                                  // of what follows
  mutable std::map<std::string, std::vector<double>> lists_;  // by their text; never removed
  mutable std::set<std::string> notes_;
};

}  // namespace strata::source
