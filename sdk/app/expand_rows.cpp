#include "app/expand_rows.hpp"

#include <vector>

#include "app/codecs.hpp"
#include "core/plugin/codec.hpp"

namespace strata::app {

source::DenseRows::Expand expand_rows(Plugins& plugins) {
  return [codec_of = codecs_of(plugins)](const source::Tensor& form,
                                         std::span<const std::span<const std::byte>> parts,
                                         std::span<float> out) {
    shape::Value weight{{STRATA_FLOAT, 32, 1}, shape::Dims(form.shape)};
    if (parts.size() == 1 && form.stored.by_rows) {
      // Blocks lie in whole rows, so the rows are unpacked as one matrix.
      const auto row = form.stored.parts[0].shape.back();
      const auto count = static_cast<int64_t>(parts[0].size()) / row;
      weight.dims = {count, static_cast<int64_t>(out.size()) / count};
    }
    std::vector<void*> bytes;
    for (const auto part : parts) bytes.push_back(const_cast<std::byte*>(part.data()));
    codec_of(form.stored.scheme).unpack(bytes, weight, out.data(), {STRATA_CPU, 0}, nullptr);
  };
}

}  // namespace strata::app
