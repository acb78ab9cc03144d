#include "core/plugin/packed_memory.hpp"

#include "core/dtype.hpp"

namespace strata::plugin {

std::vector<std::vector<std::byte>> packed_memory(const Codec& codec, const shape::Value& weight,
                                                  void* dense) {
  std::vector<std::vector<std::byte>> out;
  std::vector<void*> parts;
  for (const auto& part : codec.layout(weight)) {
    out.emplace_back(static_cast<std::size_t>(part.value.dims.elements()) *
                     element_bytes(part.value.dtype));
    parts.push_back(out.back().data());
  }
  codec.pack(weight, dense, parts, {STRATA_CPU, 0}, nullptr);
  return out;
}

}  // namespace strata::plugin
