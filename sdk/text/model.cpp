#include "text/model.hpp"

#include <algorithm>
#include <bit>

namespace strata::text {

WordCache::WordCache(std::size_t bytes)
    : known_(std::bit_ceil(std::clamp<std::size_t>(bytes / 16, 16, 1 << 15))) {}

void Model::encode(std::string_view word, WordCache& cache, std::vector<int32_t>& ids) const {
  using Known = WordCache::Known;
  if (word.empty()) return;
  if (word.size() > Known::longest) return encode_long(word, cache, ids);
  auto& known = cache.known_[std::hash<std::string_view>{}(word) & (cache.known_.size() - 1)];
  if (std::string_view(known.word.data(), known.length) != word) {
    const auto begin = ids.size();
    encode_short(word, ids);
    if (ids.size() - begin > Known::most) return;
    known.length = static_cast<uint8_t>(word.copy(known.word.data(), word.size()));
    known.count = static_cast<uint8_t>(ids.size() - begin);
    std::copy(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end(), known.ids.begin());
    return;
  }
  ids.insert(ids.end(), known.ids.begin(), known.ids.begin() + known.count);
}

std::array<int32_t, 256> byte_tokens(const Vocabulary& vocabulary) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::array<int32_t, 256> ids;
  for (std::size_t byte = 0; byte < 256; ++byte)
    ids[byte] = vocabulary.find(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">")
                    .value_or(-1);
  return ids;
}

}  // namespace strata::text
