#include "core/source/gguf_scales.hpp"

#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

constexpr std::string_view weight_end = ".weight", scale_end = ".scale", input_end = ".input_scale";
constexpr std::int64_t most = 1 << 16;  // experts

// The name without that end; nothing where it has another.
std::optional<std::string> without(std::string_view end, std::string_view name) {
  if (!name.ends_with(end)) return std::nullopt;
  return std::string(name.substr(0, name.size() - end.size()));
}

std::vector<float> read_factors(const GgufParts& parts, const Tensor& scale, const Tensor& weight) {
  const auto count = elements(scale);
  const bool of_experts = weight.shape.size() == 3 && weight.shape[0] == count && count <= most;
  const bool is_f32 = scale.stored.dense() && same(scale.stored.dtype(), f32);
  if (!is_f32 || (count != 1 && !of_experts))
    throw Error(parts.whole.path,
                "tensor '" + printable(scale.name) + "' of " + shape_text(scale.shape) +
                    " is not of F32 with a factor of '" + printable(weight.name) +
                    "', or one of each expert",
                "convert the model again");
  std::vector<float> out(static_cast<std::size_t>(count));
  const auto& at = scale.stored.file();
  parts.files.at(at.file)->read(at.offset, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace

GgufScales::GgufScales(const GgufParts& parts, const GgufMapping& mapping) {
  const auto& tensors = parts.whole.tensors;
  const auto named = [&](const Tensor& tensor) {
    return !mapped_name(mapping, tensor.name).name.empty();
  };
  std::map<std::string, const Tensor*> weights;  // those of the mapping, without their ends
  for (const auto& tensor : tensors)
    if (const auto stem = without(weight_end, tensor.name); stem && tensor.shape.size() > 1)
      weights.emplace(*stem, &tensor);
  for (const auto& tensor : tensors) {
    const bool of_input = tensor.name.ends_with(input_end);
    const auto stem = without(of_input ? input_end : scale_end, tensor.name);
    const auto weight = stem ? weights.find(*stem) : weights.end();
    if (weight == weights.end() || named(tensor) || !named(*weight->second)) continue;
    scales_[tensor.name] =
        of_input ? std::vector<float>() : read_factors(parts, tensor, *weight->second);
  }
}

std::span<const float> GgufScales::of(const std::string& weight) const {
  const auto stem = without(weight_end, weight);
  if (!stem) return {};
  const auto found = scales_.find(*stem + std::string(scale_end));
  return found == scales_.end() ? std::span<const float>() : std::span(found->second);
}

void multiply(Tensor& tensor, float factor) {
  if (factor != 1) tensor.steps.push_back(Multiply{factor});
}

}  // namespace strata::source
