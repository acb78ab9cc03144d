// A configuration in JSON (config.json, or a plugin's own options), read by key path.
#pragma once
#include <strata/abi/ops.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.hpp"

namespace strata::source {

// A path is "a.b.2": keys, and positions of lists. "new|old" is the first of the two that exists. A
// null counts as absent. Errors name the configuration and the path. Any thread may read it.
class Config {
 public:
  // `bytes` of JSON, an object; `name` says in errors which configuration it is.
  Config(std::string bytes, std::string name);
  // The same of JSON that is parsed already. A template, so that no text becomes JSON by itself.
  template <std::same_as<Json> Parsed>
  Config(Parsed root, std::string name)
      : bytes_(root.dump()), name_(std::move(name)), root_(std::move(root)) {
    check();
  }

  // As JSON spells it.
  const std::string& raw() const { return bytes_; }
  const Json& root() const { return root_; }
  const std::string& name() const { return name_; }

  std::uint64_t count(std::string_view path) const;  // a list's length; 1: another value; 0: none
  // Returns the fallback (null: throws Error) where the path is absent; true is 1, false is 0.
  std::int64_t i64(std::string_view path, const std::int64_t* fallback = nullptr) const;
  double f64(std::string_view path, const double* fallback = nullptr) const;
  bool flag(std::string_view path, bool fallback) const;  // a whole number counts as in Python
  // The text lives as long as this configuration.
  std::string_view text(std::string_view path, const std::string_view* fallback = nullptr) const;

  // Fills the fields that `inout` has room for. It reads the model at `path` ("": the root), or
  // "PATH.rope_parameters.KIND" where the layers have ropes by kind, or rope parameters in JSON
  // ("{...}"), with only max_position_embeddings from the model. A model's rope_scaling counts,
  // else its rope_parameters, and its rope_theta and partial_rotary_factor where these lack them.
  // On entry `layout` is the caller's and stays; `theta`, `dim` and `max_positions` above 0 are the
  // family's default theta, a head's dimensions and the default of max_position_embeddings; 0:
  // theta 10000, and the configuration must have the others. The text of `type` and the factors
  // live as long as this configuration.
  void rope(std::string_view path, strata_op_rope& inout) const;

  // Throws where one of the keys at `path` is null and not among these.
  void refuse_null(std::string_view path, const std::vector<std::string>& meaningful) const;

  // Notes for people on values that were read and do not count, each once: "rope_scaling: rope type
  // 'linear' does not use beta".
  std::set<std::string> notes() const;

 private:
  void check() const;  // throws unless it is an object
  const Json* find(std::string_view path) const;
  const Json* walk(std::string_view path) const;
  const Json* locate(std::string_view path) const;        // of one path; a null value exists
  std::string_view present(std::string_view path) const;  // the one of several that exists
  const double* numbers(const std::string& path, const Json& list) const;
  void note(std::string words) const;
  [[noreturn]] void missing(std::string_view path) const;
  [[noreturn]] void wrong(std::string_view path, std::string_view wanted) const;
  friend class RopeReader;

  std::string bytes_, name_;
  Json root_;
  mutable std::mutex mutex_;                                  // guards the members below
  mutable std::map<std::string, std::vector<double>> lists_;  // by their text; never removed
  mutable std::set<std::string> notes_;
};

}  // namespace strata::source
