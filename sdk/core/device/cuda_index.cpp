#include "core/device/cuda_index.hpp"

#include <charconv>

namespace strata::device {

std::optional<uint32_t> cuda_index(std::string_view name) {
  if (name == "cuda") return 0;
  if (!name.starts_with("cuda:")) return {};
  name.remove_prefix(5);
  uint8_t index = 0;  // LibTorch has no larger ones
  const auto* end = name.data() + name.size();
  if (name.empty() || name.size() > 3 || (name.size() > 1 && name[0] == '0')) return {};
  if (std::from_chars(name.data(), end, index) != std::from_chars_result{end, {}} || index > 127)
    return {};
  return index;
}

}  // namespace strata::device
