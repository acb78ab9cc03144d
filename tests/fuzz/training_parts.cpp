// The header of a file that one of several ranks wrote for a training checkpoint. The first byte is
// the number of the bytes behind the header.
// covers: sdk/app/finetune/found_parts.cpp
#include <cstdlib>
#include <string_view>

#include "app/finetune/found_parts.hpp"
#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/safetensors.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::uint64_t bytes = 8 + json.size() + data[0];
  const app::StateFile file{.name = "unit-0.safetensors",
                            .tensors = {{.name = "weight/a", .shape = {2, 3}},
                                        {.name = "moment1/a", .shape = {2, 3}},
                                        {.name = "weight/b c from 1", .shape = {4}}}};
  try {
    const auto tensors = source::parse_safetensors(json, bytes, "fuzz", 0);
    const auto parts = app::parts_in(tensors, file, "fuzz");
    for (const auto& part : parts) {
      const auto& tensor = file.tensors.at(part.tensor);
      const auto all = element_count(tensor.shape);
      const auto& own = part.elements;
      if (own.count == 0 || own.count > all || own.first > all - own.count) std::abort();
      if (part.offset + own.count * element_bytes(tensor.dtype) > bytes) std::abort();
    }
    app::check_complete(parts, file, "fuzz");
    std::uint64_t elements = 0;
    for (const auto& part : parts) elements += part.elements.count;
    if (elements != 16) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
