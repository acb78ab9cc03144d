// Sizes as people write them: 512MiB, 24GiB, 24GB, 1e9.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

// The bytes that `text` names exactly: a decimal number, an optional exponent of ten, and a unit of
// "", B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024). Nothing if the text
// has another form, is no whole number of bytes, or does not fit into 64 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace strata
