// A file of torch.save: the zip around it or the legacy frame, and the pickle.
// covers: sdk/core/source/torch_file.cpp sdk/core/source/zip.cpp
// covers: sdk/core/source/pickle.cpp sdk/core/source/pickle_names.cpp
#include "core/source/pickle.hpp"

#include <cstdlib>
#include <cstring>

#include "core/error.hpp"
#include "core/source/torch_file.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const source::ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
    if (offset > size || into.size() > size - offset) std::abort();
    std::memcpy(into.data(), data + offset, into.size());
  };
  try {
    for (const auto& tensor : source::parse_torch_file(read, size, "fuzz", 0))
      if (tensor.stored.file().offset > size ||
          tensor.stored.file().bytes > size - tensor.stored.file().offset)
        std::abort();
  } catch (const Error&) {
  }
  // Also without a frame, which is easier to hit.
  try {
    const auto pickle = source::parse_pickle({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const auto& value : pickle.values)
      for (const auto item : value.items) pickle.values.at(item);
  } catch (const Error&) {
  }
  return 0;
}
