// The JSON header of a safetensors file, and the texts in its metadata. The first byte says how
// many bytes of data follow it. covers: sdk/core/source/safetensors.cpp sdk/core/source/dtype.cpp
#include "core/source/safetensors.hpp"

#include <cstdlib>

#include "core/error.hpp"
#include "core/source/file.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::uint64_t file_size = 8 + json.size() + data[0];
  try {
    const auto tensors = source::parse_safetensors(json, file_size, "fuzz", 0);
    auto metadata = source::safetensors_metadata(json, "fuzz");
    // Accepted tensors can be written and are then read back unchanged.
    const auto header = source::safetensors_header(tensors, metadata);
    const auto written = std::string_view(header).substr(8);
    const auto again = source::parse_safetensors(written, header.size() + data[0], "fuzz", 0);
    if (again.size() != tensors.size()) std::abort();
    metadata["format"] = "pt";
    if (source::safetensors_metadata(written, "fuzz") != metadata) std::abort();
    for (const auto& tensor : tensors)
      if (tensor.stored.file().offset + tensor.stored.file().bytes > file_size) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
