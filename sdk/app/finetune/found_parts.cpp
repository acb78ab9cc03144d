#include "app/finetune/found_parts.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

constexpr auto remedy = "resume from another checkpoint";

}  // namespace

std::vector<FoundPart> parts_in(std::span<const source::Tensor> tensors, const StateFile& file,
                                std::string_view path) {
  std::map<std::string, std::size_t, std::less<>> names;
  for (std::size_t t = 0; t < file.tensors.size(); ++t)
    names.emplace(part_prefix(file.tensors[t]), t);
  std::vector<FoundPart> out;
  for (const auto& tensor : tensors) {
    const auto refuse = [&] {
      throw Error(path, "its tensor '" + printable(tensor.name) + "' is not the model's", remedy);
    };
    // The first element is behind the last space.
    const auto digits = tensor.name.rfind(' ') + 1;  // 0 if there is none
    const auto found = names.find(std::string_view(tensor.name).substr(0, digits));
    if (found == names.end()) refuse();
    const auto& own = file.tensors[found->second];
    FoundPart part{.tensor = found->second, .elements = {}, .offset = 0};
    const auto* end = tensor.name.data() + tensor.name.size();
    auto& first = part.elements.first;
    const auto [read, error] = std::from_chars(tensor.name.data() + digits, end, first);
    if (error != std::errc() || read != end) refuse();
    if (tensor.shape.size() != 1 || tensor.shape[0] <= 0 || !tensor.stored.dense() ||
        !same(tensor.stored.dtype(), own.dtype))
      refuse();
    const auto all = element_count(own.shape);
    part.elements.count = static_cast<std::uint64_t>(tensor.shape[0]);
    if (part.elements.count > all || first > all - part.elements.count) refuse();
    part.offset = tensor.stored.file().offset;
    out.push_back(part);
  }
  return out;
}

void check_complete(std::vector<FoundPart> all, const StateFile& file, const std::string& path) {
  std::ranges::sort(
      all, {}, [](const FoundPart& part) { return std::pair(part.tensor, part.elements.first); });
  auto part = all.begin();
  for (std::size_t t = 0; t < file.tensors.size(); ++t) {
    const auto& tensor = file.tensors[t];
    std::uint64_t at = 0;
    for (; part != all.end() && part->tensor == t && part->elements.first == at; ++part)
      at += part->elements.count;
    if (at == element_count(tensor.shape) && (part == all.end() || part->tensor != t)) continue;
    const bool twice = part != all.end() && part->tensor == t && part->elements.first < at;
    throw Error(path,
                "its parts have elements of '" + printable(tensor.name) + "' " +
                    (twice ? "twice" : "from " + std::to_string(at) + " on not at all"),
                remedy);
  }
}

}  // namespace strata::app
