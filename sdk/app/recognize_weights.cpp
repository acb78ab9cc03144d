#include "app/recognize_weights.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/codec.hpp"
#include "core/source/config.hpp"
#include "core/source/dtype.hpp"

namespace strata::app {
namespace {

using source::FoundPart;

strata_str text(std::string_view words) { return {words.data(), words.size()}; }

strata_weight_tensor seen(const FoundPart& part) {
  const auto& stored = part.tensor->stored;
  const auto type = stored.dense() ? source::dtype_name(stored.dtype()) : stored.scheme;
  return {.hdr = {sizeof(strata_weight_tensor), 0},
          .role = text(part.role),
          .type = text(type),
          .shape = part.tensor->shape.data(),
          .data = part.bytes.empty() ? nullptr : part.bytes.data(),
          .ndim = static_cast<uint32_t>(part.tensor->shape.size()),
          .reserved = 0};
}

// A weight as a plugin emitted it.
struct Emitted {
  std::string scheme;
  std::vector<int64_t> shape;
  strata_dtype dtype{};
  int count = 0;
};

void take(void* to, const strata_packed_weight* weight) noexcept {
  auto& out = *static_cast<Emitted*>(to);
  constexpr uint64_t longest_scheme = 256;
  constexpr uint32_t most_dimensions = 8;
  ++out.count;
  if (!weight || weight->hdr.size < sizeof(strata_packed_weight) || !weight->scheme.p ||
      weight->scheme.n > longest_scheme || !weight->shape || weight->ndim > most_dimensions)
    return;
  out.scheme.assign(weight->scheme.p, static_cast<std::size_t>(weight->scheme.n));
  out.shape.assign(weight->shape, weight->shape + weight->ndim);
  out.dtype = weight->dtype;
}

// Throws unless the codec's layout has exactly these parts, by role and bytes. Returns whether each
// has the weight's rows.
bool check_layout(const plugin::Codec& codec, const std::string& weight, const Emitted& emitted,
                  std::span<const FoundPart> parts) {
  const auto refuse = [&](const std::string& what) {
    throw Error(codec.who(), weight + ": " + what, "report this to the plugin's vendor");
  };
  const auto layout = codec.layout({emitted.dtype, shape::Dims(emitted.shape)});
  if (layout.size() != parts.size())
    refuse("its layout has " + std::to_string(layout.size()) + " parts, and the file " +
           std::to_string(parts.size()));
  bool by_rows = true;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [role, value, axis] = layout[i];
    const auto bytes = static_cast<uint64_t>(value.dims.elements()) * element_bytes(value.dtype);
    if (role != parts[i].role || bytes != parts[i].tensor->stored.bytes)
      refuse("its layout's part " + std::to_string(i + 1) + " is " + std::to_string(bytes) +
             " bytes of '" + printable(role) + "', not " +
             std::to_string(parts[i].tensor->stored.bytes) + " of '" + parts[i].role + "'");
    by_rows = by_rows && axis == 0 && parts[i].tensor->shape.size() == 2 &&
              parts[i].tensor->shape.front() == emitted.shape.front();
  }
  return by_rows;
}

// Asks one plugin after the other, each with the options of the checkpoint.
class Recognition {
 public:
  explicit Recognition(Plugins& plugins) : plugins_(plugins) {}

  std::optional<source::RecognizedWeight> operator()(const Json& options, const std::string& key,
                                                     const std::string& weight,
                                                     std::span<const FoundPart> parts) {
    const auto& candidate = plugins_.registry().by_key("quant", key, "scheme");
    const auto* table = plugins_.table<strata_quant>(candidate);
    if (!table || !STRATA_HAS(strata_quant, table, recognize)) return std::nullopt;
    if (!config_ && options.is_object())
      config_ = std::make_unique<source::Config>(options, "quantization_config");
    const strata_config handle{config_.get()};
    std::vector<strata_weight_tensor> tensors;
    for (const auto& part : parts) tensors.push_back(seen(part));
    const strata_weight_tensors given{.hdr = {sizeof(strata_weight_tensors), 0},
                                      .weight = text(weight),
                                      .tensors = tensors.data(),
                                      .n = tensors.size()};
    Emitted emitted;
    const auto who = candidate.id();
    plugin::succeeds(who, "recognize", [&] {
      return table->recognize(plugins_.host(), config_ ? &handle : nullptr, &given, take, &emitted);
    });
    if (emitted.count == 0) return std::nullopt;
    if (emitted.count > 1 || emitted.scheme.empty() || emitted.shape.empty())
      throw Error(who, weight + ": recognize gave no scheme or no shape",
                  "report this to the plugin's vendor");
    const auto& codec = codec_of(emitted.scheme, candidate, table);
    return source::RecognizedWeight{emitted.scheme, emitted.shape,
                                    check_layout(codec, weight, emitted, parts)};
  }

 private:
  const plugin::Codec& codec_of(const std::string& scheme, const registry::Candidate& candidate,
                                const strata_quant* table) {
    auto& codec = codecs_[scheme];
    if (!codec)
      codec =
          std::make_unique<plugin::Codec>(table, candidate.manifest.name, plugins_.host(), scheme);
    return *codec;
  }

  Plugins& plugins_;
  std::unique_ptr<source::Config> config_;
  std::map<std::string, std::unique_ptr<plugin::Codec>> codecs_;
};

}  // namespace

source::PackedWeights packed_weights(Plugins& plugins) {
  const auto recognition = std::make_shared<Recognition>(plugins);
  return {.names = source::packed_names(plugins.registry().parts(), "plugin manifests"),
          .recognize = [recognition](const Json& options, const std::string& key,
                                     const std::string& weight, std::span<const FoundPart> parts) {
            return (*recognition)(options, key, weight, parts);
          }};
}

}  // namespace strata::app
