#include "core/source/dense_rows.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "core/optim/cast.hpp"
#include "core/source/dtype.hpp"
#include "core/source/elements.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t buffer_bytes = 32ull << 20;
constexpr std::uint64_t buffer_elements = buffer_bytes / sizeof(float);
// As many stored rows are transposed at once as leave their lines in a core's cache.
constexpr std::uint64_t most_columns = 512;

// Whether its codec expands all of it at once.
bool is_whole(const Form& stored) {
  return !stored.dense() && (stored.parts.size() > 1 || !stored.by_rows);
}

// The elements of a row as the file has it, which is whole blocks.
std::uint64_t stored_row(const Tensor& form) {
  const auto& stored = form.stored.parts.front().shape;
  if (stored.empty()) return 1;
  const auto rows = element_count(std::span(stored).first(stored.size() - 1));
  return rows > 0 ? static_cast<std::uint64_t>(elements(form)) / rows : 0;
}

// Transposes a matrix of `rows` rows of `columns` elements into one whose rows are `pitch` long.
template <class T>
void transpose_as(const std::byte* from, std::uint64_t rows, std::uint64_t columns, std::byte* to,
                  std::uint64_t pitch) {
  for (std::uint64_t c = 0; c < columns; ++c)
    for (std::uint64_t r = 0; r < rows; ++r)
      std::memcpy(to + (c * pitch + r) * sizeof(T), from + (r * columns + c) * sizeof(T),
                  sizeof(T));
}

void transpose_elements(std::uint64_t width, const std::byte* from, std::uint64_t rows,
                        std::uint64_t columns, std::byte* to, std::uint64_t pitch) {
  if (width == 1) return transpose_as<std::uint8_t>(from, rows, columns, to, pitch);
  if (width == 2) return transpose_as<std::uint16_t>(from, rows, columns, to, pitch);
  if (width == 4) return transpose_as<std::uint32_t>(from, rows, columns, to, pitch);
  transpose_as<std::uint64_t>(from, rows, columns, to, pitch);
}

}  // namespace

DenseRows::DenseRows(const Checkpoint& from, Tensor tensor, std::span<const std::int64_t> shape,
                     strata_dtype dtype, Expand expand)
    : from_(from), tensor_(std::move(tensor)), dtype_(dtype), expand_(std::move(expand)),
      elements_(element_count(shape)) {
  const auto* order = tensor_.step<Reorder>();
  const auto* slice = tensor_.step<Slice>();
  for (const auto& form : forms(tensor_)) moved_ = moved_ || form.step<Transpose>();
  moved_ = (moved_ || order || slice || !tensor_.pieces.empty()) && !shape.empty();
  if (moved_)
    step_ = shape[0] > 0 ? elements_ / static_cast<std::uint64_t>(shape[0]) : 1;
  else if (!tensor_.stored.dense() && !is_whole(tensor_.stored))
    step_ = stored_row(tensor_);
  step_ = std::max<std::uint64_t>(step_, 1);
  for (const auto& form : forms(tensor_)) check(form);
  if (!order) return;
  const auto rows = slice ? slice->all : shape[0];
  stored_row_.resize(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row)
    stored_row_.at(static_cast<std::size_t>(run_row(*order, rows, row))) = row;
}

void DenseRows::check(const Tensor& form) const {
  const auto refuse = [&](const std::string& what) {
    throw Error("tensor '" + printable(form.name) + "'", what, "use another file of the model");
  };
  const auto& stored = form.stored;
  const auto name = form_name(stored);
  if (is_whole(stored) && form.step<Transpose>())
    refuse("is " + name + " in several tensors, which is not transposed");
  if (stored.dense() && !same(stored.dtype(), dtype_) &&
      !(is_floating(stored.dtype()) && is_floating(dtype_)))
    refuse("holds " + name + ", which is not read as " + std::string(dtype_name(dtype_)));
  if (stored.dense()) return;
  if (!expand_) refuse("is " + name + ", which no codec expands");
  if (is_whole(stored)) return;
  const auto row = stored_row(form);
  if (row == 0 || (!form.step<Transpose>() && step_ % row != 0))
    refuse("has blocks of " + name + " that straddle rows");
}

std::uint64_t DenseRows::piece() const {
  const auto width = std::max<std::uint64_t>(element_bytes(dtype_), sizeof(float));
  const auto fit = buffer_bytes / width / step_ * step_;
  if (fit == 0)
    throw Error("tensor '" + printable(tensor_.name) + "'",
                "a row of " + std::to_string(step_) + " elements is too long to hold",
                "use another file of the model");
  return fit;
}

std::span<const std::byte> DenseRows::read(std::uint64_t first, std::uint64_t count) {
  if (first % step_ != 0 || count % step_ != 0 || first > elements_ || count > elements_ - first)
    throw Error("tensor '" + printable(tensor_.name) + "'",
                "elements " + std::to_string(first) + " to " + std::to_string(first + count) +
                    " are no rows of its " + std::to_string(elements_),
                "this is a mistake in Strata");
  const auto width = element_bytes(dtype_);
  out_.resize(count * width);
  if (!moved_) {
    read_plain(tensor_, first, count, out_.data());
    return out_;
  }
  const auto rows = count / step_;
  for (std::uint64_t done = 0; done < rows;) {
    const auto place = place_of(first / step_ + done);
    std::uint64_t together = 1;
    for (; done + together < rows; ++together) {
      const auto next = place_of(first / step_ + done + together);
      if (next.form != place.form || next.row != place.row + together) break;
    }
    auto* out = out_.data() + done * step_ * width;
    if (place.form->step<Transpose>())
      read_transposed(*place.form, place.row, together, out);
    else
      read_plain(*place.form, place.row * step_, together * step_, out);
    done += together;
  }
  return out_;
}

DenseRows::Place DenseRows::place_of(std::uint64_t row) const {
  if (const auto* slice = tensor_.step<Slice>())
    row = static_cast<std::uint64_t>(slice->first) + row * static_cast<std::uint64_t>(slice->step);
  if (!stored_row_.empty()) row = static_cast<std::uint64_t>(stored_row_.at(row));
  const auto* join = tensor_.step<Join>();
  if (!join) return {&tensor_, row};
  const auto blocks = std::uint64_t{join->blocks};
  const auto block = static_cast<std::uint64_t>(tensor_.shape[0]) / blocks;
  auto within = row % block;
  for (const auto& piece : tensor_.pieces) {
    const auto own = static_cast<std::uint64_t>(piece.shape[0]) / blocks;
    if (within < own) return {&piece, row / block * own + within};
    within -= own;
  }
  throw Error("tensor '" + printable(tensor_.name) + "'", "its pieces have too few rows",
              "use another file of the model");
}

void DenseRows::read_plain(const Tensor& form, std::uint64_t first, std::uint64_t count,
                           std::byte* out) {
  const auto& part = form.stored.parts.front();
  if (is_whole(form.stored)) {
    const auto from = std::span(whole(form)).subspan(first, count);
    floats_.assign(from.begin(), from.end());
    return finish(form, out);
  }
  if (!form.stored.dense()) {
    const auto row = stored_row(form), bytes = static_cast<std::uint64_t>(part.shape.back());
    stored_.resize(count / row * bytes);
    from_.read(form, first / row * bytes, stored_);
    return convert(form, count, out);
  }
  const std::uint64_t bytes = element_bytes(part.dtype);
  if (same(part.dtype, dtype_) && !form.step<Add>() && !form.step<Multiply>())
    return from_.read(form, first * bytes, {out, count * bytes});
  stored_.resize(count * bytes);
  from_.read(form, first * bytes, stored_);
  convert(form, count, out);
}

// The file has matrices of stored rows, each of which is a column of the run form.
void DenseRows::read_transposed(const Tensor& form, std::uint64_t first, std::uint64_t count,
                                std::byte* out) {
  const auto all = static_cast<std::uint64_t>(source::elements(form)) / step_;
  const auto matrix = all / form.step<Transpose>()->matrices;  // rows of the run form
  while (count > 0) {
    const auto some = std::min(count, matrix - first % matrix);
    read_columns(form, first, some, out);
    first += some;
    count -= some;
    out += some * step_ * element_bytes(dtype_);
  }
}

// The rows lie in one matrix.
void DenseRows::read_columns(const Tensor& form, std::uint64_t first, std::uint64_t count,
                             std::byte* out) {
  const auto all = static_cast<std::uint64_t>(source::elements(form)) / step_;
  const auto matrix = all / form.step<Transpose>()->matrices;
  const auto& part = form.stored.parts.front();
  const bool dense = form.stored.dense();
  // Blocks are expanded by whole stored rows.
  const auto length = dense ? count : matrix, begin = first % matrix;
  const auto width = element_bytes(dtype_);
  const auto most = std::clamp<std::uint64_t>(buffer_elements / length, 1, most_columns);
  for (std::uint64_t column = 0; column < step_; column += most) {
    const auto some = std::min(most, step_ - column);
    const auto stored = first / matrix * step_ + column;  // the first stored row
    if (!dense || count == matrix) {
      const auto bytes = dense ? matrix * element_bytes(part.dtype)
                               : static_cast<std::uint64_t>(part.shape.back());
      stored_.resize(some * bytes);
      from_.read(form, stored * bytes, stored_);
    } else {
      const std::uint64_t bytes = element_bytes(part.dtype);
      stored_.resize(some * count * bytes);
      for (std::uint64_t c = 0; c < some; ++c)
        from_.read(form, ((stored + c) * matrix + begin) * bytes,
                   std::span(stored_).subspan(c * count * bytes, count * bytes));
    }
    columns_.resize(some * length * width);
    convert(form, some * length, columns_.data());
    if (length == count) {
      transpose_elements(width, columns_.data(), some, count, out + column * width, step_);
      continue;
    }
    for (std::uint64_t c = 0; c < some; ++c)
      transpose_elements(width, columns_.data() + (c * length + begin) * width, 1, count,
                         out + (column + c) * width, step_);
  }
}

void DenseRows::convert(const Tensor& form, std::uint64_t count, std::byte* out) {
  const auto dtype = form.stored.parts.front().dtype;
  const bool dense = form.stored.dense(), changed = form.step<Add>() || form.step<Multiply>();
  if (dense && same(dtype, dtype_) && !changed) {
    std::memcpy(out, stored_.data(), stored_.size());
    return;
  }
  if (dense && !changed) return optim::cast(dtype_, out, dtype, stored_.data(), 0, count);
  floats_.resize(count);
  if (dense) {
    optim::cast(f32, floats_.data(), dtype, stored_.data(), 0, count);
  } else {
    const std::span<const std::byte> rows(stored_);
    expand_(form, {&rows, 1}, floats_);
  }
  finish(form, out);
}

void DenseRows::finish(const Tensor& form, std::byte* out) {
  if (const auto* add = form.step<Add>())
    for (auto& value : floats_) value += static_cast<float>(add->value);
  if (const auto* multiply = form.step<Multiply>())
    for (auto& value : floats_) value *= static_cast<float>(multiply->factor);
  optim::cast(dtype_, out, f32, floats_.data(), 0, floats_.size());
}

const std::vector<float>& DenseRows::whole(const Tensor& form) {
  auto& out = whole_[&form];
  if (!out.empty()) return out;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<std::span<const std::byte>> parts;
  for (std::size_t i = 0; i < form.stored.parts.size(); ++i) {
    auto& part = bytes.emplace_back(form.stored.parts[i].file.bytes);
    from_.read_part(form, i, part);
    parts.emplace_back(part);
  }
  out.resize(static_cast<std::size_t>(source::elements(form)));
  expand_(form, parts, out);
  return out;
}

}  // namespace strata::source
