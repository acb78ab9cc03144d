#include "core/source/resized.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/elements.hpp"
#include "core/source/row_mean.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t buffer_bytes = 32ull << 20;

class Rows {
 public:
  Rows(std::shared_ptr<const Checkpoint> from, Tensor tensor)
      : from_(std::move(from)), tensor_(std::move(tensor)),
        row_(tensor_.stored.bytes / static_cast<std::uint64_t>(tensor_.shape[0])) {}

  // Writes the bytes from `at` on.
  void fill(std::uint64_t at, std::span<std::byte> out) {
    const auto all = tensor_.stored.bytes;
    const auto old = at < all ? std::min<std::uint64_t>(out.size(), all - at) : 0;
    from_->read(tensor_, std::min(at, all), out.first(old));
    if (old == out.size()) return;
    if (mean_.empty()) mean_ = mean();
    for (auto i = old; i < out.size(); ++i) out[i] = mean_[(at + i) % row_];
  }

 private:
  std::vector<std::byte> mean() const {
    const auto dtype = tensor_.stored.dtype();
    RowMean out(dtype, row_ / element_bytes(dtype), tensor_.name);
    const auto some = std::max<std::uint64_t>(1, buffer_bytes / row_) * row_;
    std::vector<std::byte> bytes;
    for (std::uint64_t at = 0; at < tensor_.stored.bytes; at += some) {
      bytes.resize(std::min(some, tensor_.stored.bytes - at));
      from_->read(tensor_, at, bytes);
      out.add(bytes);
    }
    return out.row();
  }

  std::shared_ptr<const Checkpoint> from_;
  Tensor tensor_;
  std::uint64_t row_;            // bytes of one
  std::vector<std::byte> mean_;  // empty: not known yet
};

}  // namespace

MadeTensor resized(std::shared_ptr<const Checkpoint> from, const Tensor& tensor,
                   std::int64_t rows) {
  const bool plain = tensor.steps.empty() && tensor.pieces.empty() && tensor.stored.dense() &&
                     !tensor.shape.empty() && tensor.shape[0] > 0 &&
                     is_floating(tensor.stored.dtype());
  if (!plain)
    throw Error(from->path(),
                "the rows of '" + printable(tensor.name) + "' do not lie together as plain numbers",
                "resize the embedding with `strata import`, and give what that makes");
  MadeTensor out{.tensor = {.name = tensor.name, .shape = tensor.shape}, .fill = {}};
  out.tensor.shape[0] = rows;
  const auto dtype = tensor.stored.dtype();
  out.tensor.stored = dense_form(dtype, out.tensor.shape);
  out.fill = [state = std::make_shared<Rows>(std::move(from), tensor),
              width = std::uint64_t{element_bytes(dtype)}](
                 std::uint64_t first, std::span<std::byte> to) { state->fill(first * width, to); };
  return out;
}

}  // namespace strata::source
