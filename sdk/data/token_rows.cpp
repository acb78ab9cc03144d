#include "data/token_rows.hpp"

#include <bit>

#include "data/digest.hpp"

namespace strata::data {

void TokenRows::add(const TokenRow& row) {
  ids_.insert(ids_.end(), row.ids.begin(), row.ids.end());
  scored_.insert(scored_.end(), row.scored.begin(), row.scored.end());
  rows_.push_back({ids_.size(), scored_.size(), row.pads});
}

std::span<const std::int32_t> TokenRows::ids(std::size_t row) const {
  const auto begin = row == 0 ? 0 : rows_[row - 1].ids;
  return std::span(ids_).subspan(begin, rows_[row].ids - begin);
}

std::span<const Scored> TokenRows::scored(std::size_t row) const {
  const auto begin = row == 0 ? 0 : rows_[row - 1].scored;
  return std::span(scored_).subspan(begin, rows_[row].scored - begin);
}

std::string TokenRows::sha256() const {
  static_assert(std::endian::native == std::endian::little);
  const auto bytes = [](const auto& of) {
    return std::string_view(reinterpret_cast<const char*>(of.data()), of.size_bytes());
  };
  Digest digest;
  digest.add(static_cast<std::uint64_t>(pad));
  for (std::size_t row = 0; row < size(); ++row) {
    digest.add_text(bytes(ids(row)));
    digest.add_text(bytes(scored(row)));
    digest.add(static_cast<std::uint64_t>(pads(row)));
  }
  return digest.hex();
}

}  // namespace strata::data
