#include "app/expand_rows.hpp"

#include "app/codecs.hpp"
#include "core/plugin/codec.hpp"

namespace strata::app {

std::function<void(const source::Tensor&, std::span<const std::byte>, std::span<float>)>
expand_rows(Plugins& plugins) {
  return [codec_of = codecs_of(plugins)](const source::Tensor& tensor,
                                         std::span<const std::byte> rows, std::span<float> out) {
    // Blocks lie in whole rows, so the rows are unpacked as one matrix.
    const auto count = static_cast<int64_t>(rows.size()) / tensor.stored.parts[0].shape.back();
    const shape::Value weight{{STRATA_FLOAT, 32, 1},
                              {count, static_cast<int64_t>(out.size()) / count}};
    void* parts[] = {const_cast<std::byte*>(rows.data())};
    codec_of(tensor.stored.scheme).unpack(parts, weight, out.data(), {STRATA_CPU, 0}, nullptr);
  };
}

}  // namespace strata::app
