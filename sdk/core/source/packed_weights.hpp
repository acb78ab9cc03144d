// How the packed weights of a checkpoint that is not a GGUF file are found in its tensors.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/json.hpp"
#include "core/source/part_names.hpp"
#include "core/source/recognized_weights.hpp"

namespace strata::source {

struct PackedWeights {
  PackedNames names{};
  // As Recognize, with the options that the checkpoint's configuration gives its quantization: an
  // object, or null. Empty: weights that plugins would recognize stay apart.
  std::function<std::optional<RecognizedWeight>(const Json& options, const std::string& key,
                                                const std::string& weight,
                                                std::span<const FoundPart> parts)>
      recognize{};
};

}  // namespace strata::source
