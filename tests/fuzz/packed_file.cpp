// The header of a file of weights that Strata quantized. The first byte says how many bytes of data
// follow it.
// covers: sdk/core/source/packed_file.cpp
#include "core/source/packed_file.hpp"

#include <cstdlib>

#include "core/error.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::uint64_t file_size = 8 + json.size() + data[0];
  try {
    auto content = source::parse_packed_file(json, file_size, "fuzz", 0);
    for (const auto& tensor : content.tensors)
      for (const auto& part : tensor.stored.parts)
        if (part.file.offset + part.file.bytes > file_size) std::abort();
    // Accepted weights without types that only other programs read can be written, and are then
    // read back with the same names and bytes.
    for (const auto& tensor : content.tensors)
      if (tensor.stored.parts.size() == 1 && !tensor.stored.dense() &&
          tensor.stored.parts[0].role == "elements")
        return 0;
    const auto header = source::packed_header(content);
    const auto again = source::parse_packed_file(std::string_view(header).substr(8),
                                                 header.size() + data[0], "fuzz", 0);
    if (again.tensors.size() != content.tensors.size()) std::abort();
    if (again.made_from != content.made_from) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
