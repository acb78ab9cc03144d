// The part of an adapter's configuration that says which modules it changes, by PEFT's rules.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/adapter/pattern.hpp"
#include "core/json.hpp"

namespace strata::adapter {

// Module names: a module is among them where its name is one of them or ends in "." and one of
// them. Or a pattern of the whole name.
using Names = std::variant<std::vector<std::string>, Pattern>;

// Whether the name is `end`, or ends in "." and it.
bool ends_in(std::string_view name, std::string_view end);

struct Targets {
  // Reads the keys target_modules, exclude_modules, layers_to_transform, layers_pattern,
  // target_parameters and modules_to_save. Throws Error naming `who` and the key.
  static Targets of(const OrderedJson& config, const std::string& who);

  // Whether the module is changed. `linear`: it is a linear layer and not the output head.
  bool takes(std::string_view module, bool linear, Effort& effort) const;
  // Whether the parameter of that name, such as "a.experts.down_proj", is.
  bool takes_parameter(std::string_view parameter) const;

  bool all_linear = false;
  std::optional<Names> modules, excluded;  // no modules: every one, unless `parameters` names some
  std::vector<std::string> parameters;
  std::optional<std::vector<std::int64_t>> layers;  // numbers of layers; none: every one
  std::vector<Pattern> layers_patterns;             // that find a layer's number in a name
  std::vector<std::string> saved;                   // modules_to_save
  std::vector<Pattern> saved_patterns;
};

}  // namespace strata::adapter
