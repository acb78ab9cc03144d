#include "core/source/row_mean.hpp"

#include <string>

#include "core/error.hpp"
#include "core/source/elements.hpp"

namespace strata::source {

RowMean::RowMean(strata_dtype dtype, std::size_t columns, std::string_view who)
    : dtype_(dtype), sums_(columns) {
  if (!is_floating(dtype))
    throw Error(who, "has no mean of its rows in " + std::string(dtype_name(dtype)),
                "use a model in floating point");
}

void RowMean::add(std::span<const std::byte> rows) {
  const auto width = element_bytes(dtype_);
  for (const auto* at = rows.data(); at != rows.data() + rows.size(); ++count_)
    for (auto& sum : sums_) {
      sum += element(dtype_, at);
      at += width;
    }
}

std::vector<std::byte> RowMean::row() const {
  const auto width = element_bytes(dtype_);
  std::vector<std::byte> out(sums_.size() * width);
  auto* to = out.data();
  for (const auto sum : sums_) {
    set_element(dtype_, to, sum / static_cast<double>(count_));
    to += width;
  }
  return out;
}

}  // namespace strata::source
