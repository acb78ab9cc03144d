#include "app/expand_rows.hpp"

#include "core/plugin/codec.hpp"

namespace strata::app {
namespace {

using Codecs = std::map<std::string, std::unique_ptr<plugin::Codec>>;

}  // namespace

std::function<void(const source::Tensor&, std::span<const std::byte>, std::span<float>)>
expand_rows(Plugins& plugins) {
  return [&plugins, codecs = std::make_shared<Codecs>()](
             const source::Tensor& tensor, std::span<const std::byte> rows, std::span<float> out) {
    const auto& scheme = tensor.stored.scheme;
    auto& codec = (*codecs)[scheme];
    if (!codec) {
      const auto& candidate = plugins.registry().by_key("quant", scheme, "scheme");
      codec = std::make_unique<plugin::Codec>(plugins.table<strata_quant>(candidate),
                                              candidate.manifest.name, plugins.host(), scheme);
    }
    // Blocks lie in whole rows, so the rows are unpacked as one matrix.
    const auto count = static_cast<int64_t>(rows.size()) / tensor.stored.parts[0].shape.back();
    const shape::Value weight{{STRATA_FLOAT, 32, 1},
                              {count, static_cast<int64_t>(out.size()) / count}};
    void* parts[] = {const_cast<std::byte*>(rows.data())};
    codec->unpack(parts, weight, out.data(), {STRATA_CPU, 0}, nullptr);
  };
}

}  // namespace strata::app
