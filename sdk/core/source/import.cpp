#include "core/source/import.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/elements.hpp"
#include "core/source/output.hpp"
#include "core/source/quantization.hpp"
#include "core/source/row_mean.hpp"
#include "core/source/safetensors.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t buffer_bytes = 32ull << 20;  // twice: as stored, and expanded

// The dtype that the options name for floating values, else one that holds all of a tensor's
// values.
strata_dtype imported_dtype(const Tensor& tensor, const ImportOptions& options) {
  const auto all = forms(tensor);
  const auto floating = [](const Tensor& form) {
    return !form.stored.dense() || is_floating(form.stored.dtype());
  };
  if (options.dtype && std::ranges::all_of(all, floating)) return *options.dtype;
  const auto first = all.front().stored.dtype();
  const auto as_first = [&](const Tensor& form) {
    return form.stored.dense() && same(form.stored.dtype(), first);
  };
  return std::ranges::all_of(all, as_first) ? first : f32;
}

// The tensor as the new file will have it.
Tensor imported(const Tensor& tensor, const ImportOptions& options) {
  Tensor out{.name = tensor.name, .shape = tensor.shape};
  if (const auto resized = options.rows.find(tensor.name); resized != options.rows.end())
    out.shape[0] = resized->second;
  out.stored = dense_form(imported_dtype(tensor, options), out.shape);
  return out;
}

// Copies one tensor piece by piece.
class Copier {
 public:
  Copier(const Checkpoint& from, const ImportOptions& options, OutputFile& to)
      : from_(from), options_(options), to_(to) {}

  // `at`: where the tensor begins in the new file.
  void copy(const Tensor& tensor, std::uint64_t at) {
    at_ = at;
    written_ = dtype_ = imported_dtype(tensor, options_);
    if (options_.rows.contains(tensor.name)) return resize(tensor);
    const auto added = options_.added.find(tensor.name);
    add_ = added == options_.added.end() ? nullptr : &added->second;
    if (add_) dtype_ = f32;
    const auto* join = tensor.step<Join>();
    if (!join) {
      const auto* order = tensor.step<Reorder>();
      const auto place = [&](std::int64_t row) { return run_row(*order, tensor.shape[0], row); };
      return copy_form(tensor, order ? place : Place());
    }
    const auto block = tensor.shape[0] / join->blocks;
    std::int64_t first = 0;
    for (const auto& piece : tensor.pieces) {
      const auto rows = piece.shape[0] / join->blocks;
      copy_form(piece, [&](std::int64_t row) { return row / rows * block + first + row % rows; });
      first += rows;
    }
  }

 private:
  // The place of each of the file's rows among the new ones; empty: the rows stay in place.
  using Place = std::function<std::int64_t(std::int64_t row)>;

  // Writes elements of the new tensor from `element` on, which are of dtype_.
  void put(std::uint64_t element, std::span<const std::byte> bytes) {
    const auto to = at_ + element * element_bytes(written_);
    if (!add_) return to_.write(to, bytes);
    sum_.resize(bytes.size() / sizeof(float));
    std::memcpy(sum_.data(), bytes.data(), bytes.size());
    (*add_)(element, sum_);
    if (same(written_, f32)) return to_.write(to, std::as_bytes(std::span(sum_)));
    to_.write(to, narrowed(sum_));
  }

  void copy_form(const Tensor& form, const Place& place) {
    if (const auto* step = form.step<Transpose>())
      return copy_transposed(form, step->matrices, place);
    const auto all = static_cast<std::uint64_t>(elements(form));
    const std::uint64_t row = place ? all / static_cast<std::uint64_t>(form.shape[0]) : 0;
    const auto piece = piece_elements(form, row);
    for (std::uint64_t first = 0; first < all; first += piece) {
      const auto bytes = expanded(form, first, std::min(piece, all - first));
      if (row == 0) {
        put(first, bytes);
        continue;
      }
      for (std::uint64_t i = 0; i * row * width() < bytes.size(); ++i) {
        const auto to = place(static_cast<std::int64_t>(first / row + i));
        put(static_cast<std::uint64_t>(to) * row, bytes.subspan(i * row * width(), row * width()));
      }
    }
  }

  // Copies matrix by matrix, as many columns at once as the buffer holds.
  void copy_transposed(const Tensor& form, std::uint64_t matrices, const Place& place) {
    const auto rows = static_cast<std::uint64_t>(form.shape[0]) / matrices,
               columns = static_cast<std::uint64_t>(form.shape[1]);
    const auto some = piece_elements(form, rows) / rows;
    std::vector<std::byte> part;
    for (std::uint64_t m = 0; m < matrices; ++m)
      for (std::uint64_t first = 0; first < columns; first += some) {
        const auto many = std::min(some, columns - first);
        const auto bytes = expanded(form, (m * columns + first) * rows, many * rows);
        part.resize(many * width());
        for (std::uint64_t r = 0; r < rows; ++r) {
          for (std::uint64_t c = 0; c < many; ++c)
            std::copy_n(&bytes[(c * rows + r) * width()], width(), &part[c * width()]);
          const auto row = static_cast<std::int64_t>(m * rows + r);
          const auto to = static_cast<std::uint64_t>(place ? place(row) : row);
          put(to * columns + first, part);
        }
      }
  }

  // Copies the rows that stay, and fills each new one with the mean of the old ones.
  void resize(const Tensor& tensor) {
    if (tensor.step<Transpose>() || !tensor.pieces.empty())
      throw Error("tensor '" + printable(tensor.name) + "'", "its rows do not lie together",
                  "import it first, and resize what that makes");
    const auto form = imported(tensor, options_);
    const auto all = static_cast<std::uint64_t>(tensor.shape[0]),
               wanted = static_cast<std::uint64_t>(form.shape[0]),
               columns = static_cast<std::uint64_t>(elements(tensor)) / all;
    const auto count = piece_elements(tensor, columns) / columns, row = columns * width();
    RowMean mean(dtype_, columns, tensor.name);
    for (std::uint64_t first = 0; first < all; first += count) {
      const auto many = std::min(count, all - first);
      const auto bytes = expanded(tensor, first * columns, many * columns);
      if (wanted > all) mean.add(bytes);
      if (first < wanted)
        to_.write(at_ + first * row, bytes.first(std::min(many, wanted - first) * row));
    }
    if (wanted <= all) return;
    const auto fresh = mean.row();
    for (auto next = all; next < wanted; ++next) to_.write(at_ + next * row, fresh);
  }

  // The elements that fit the buffer: whole rows where they are moved or in blocks.
  std::uint64_t piece_elements(const Tensor& form, std::uint64_t row) const {
    const auto columns = form.shape.empty() ? 1 : static_cast<std::uint64_t>(form.shape.back());
    const auto step = row > 0 ? row : form.stored.dense() ? 1 : columns;
    const auto fit = buffer_bytes / std::max(width(), std::uint64_t{sizeof(float)}) / step * step;
    if (fit == 0)
      throw Error("tensor '" + printable(form.name) + "'",
                  "a row of " + std::to_string(step) + " elements is too long to hold",
                  "use another file of the model");
    return fit;
  }

  // Converts to the new file's dtype.
  std::span<const std::byte> expanded(const Tensor& form, std::uint64_t first,
                                      std::uint64_t count) {
    const auto& part = form.stored.parts.front();
    const auto* add = form.step<Add>();
    const std::uint64_t bytes = element_bytes(part.dtype);
    if (form.stored.dense()) {
      stored_.resize(count * bytes);
      from_.read(form, first * bytes, stored_);
      if (same(part.dtype, dtype_) && !add) return stored_;
      floats_.resize(count);
      for (std::uint64_t i = 0; i < count; ++i)
        floats_[i] = static_cast<float>(element(part.dtype, &stored_[i * bytes]));
    } else {
      const auto row = row_elements(form),
                 row_bytes = static_cast<std::uint64_t>(part.shape.back());
      stored_.resize(count / row * row_bytes);
      from_.read(form, first / row * row_bytes, stored_);
      floats_.resize(count);
      options_.expand(form, stored_, floats_);
    }
    if (add)
      for (auto& value : floats_) value += static_cast<float>(add->value);
    if (same(dtype_, f32)) return std::as_bytes(std::span(floats_));
    return narrowed(floats_);
  }

  // The elements in the new file's dtype, until the next call.
  std::span<const std::byte> narrowed(std::span<const float> values) {
    const auto bytes = element_bytes(written_);
    narrow_.resize(values.size() * bytes);
    for (std::size_t i = 0; i < values.size(); ++i)
      set_element(written_, &narrow_[i * bytes], double{values[i]});
    return narrow_;
  }

  // The elements of a row as the file has it, which is whole blocks.
  static std::uint64_t row_elements(const Tensor& form) {
    const auto& stored = form.stored.parts.front().shape;
    const auto rows = element_count(std::span(stored).first(stored.size() - 1));
    return static_cast<std::uint64_t>(elements(form)) / rows;
  }

  std::uint64_t width() const { return element_bytes(dtype_); }

  const Checkpoint& from_;
  const ImportOptions& options_;
  OutputFile& to_;
  std::uint64_t at_ = 0;                     // where the new tensor begins
  strata_dtype written_{};                   // of the new tensor
  strata_dtype dtype_{};                     // before the addition; float32 where there is one
  const ImportOptions::Add* add_ = nullptr;  // null: none
  std::vector<std::byte> stored_;
  std::vector<float> floats_, sum_;
  std::vector<std::byte> narrow_;
};

void write_made(const MadeTensor& made, std::uint64_t at, OutputFile& to) {
  const auto width = element_bytes(made.tensor.stored.dtype());
  const auto all = static_cast<std::uint64_t>(elements(made.tensor)), some = buffer_bytes / width;
  std::vector<std::byte> bytes;
  for (std::uint64_t first = 0; first < all; first += some) {
    bytes.resize(std::min(some, all - first) * width);
    made.fill(first, bytes);
    to.write(at + first * width, bytes);
  }
}

// `checkpoint` may be null.
void write_weights(const Checkpoint* checkpoint, const ImportOptions& options,
                   const std::string& path) {
  std::vector<Tensor> planned;
  std::uint64_t total = 0;
  if (const auto form = checkpoint ? quantization_of(*checkpoint) : ""; !form.empty())
    refuse_quantization(*checkpoint, form);
  const auto given = checkpoint ? std::span(checkpoint->tensors()) : std::span<const Tensor>();
  for (const auto& tensor : given) {
    const bool made = options.replaced && options.replaced(tensor);
    for (const auto& form : forms(tensor))
      if (!made && !form.stored.dense() && !options.expand)
        throw Error(checkpoint->path(),
                    "tensor '" + printable(form.name) + "' is " + form.stored.scheme +
                        ", which no codec expands",
                    "add the codec's plugin");
    if (!made && tensor.stored.parts.size() > 1)
      throw Error(checkpoint->path(),
                  "tensor '" + printable(tensor.name) + "' is " + tensor.stored.scheme +
                      " in several tensors, which are not imported",
                  "run the model as it is");
    planned.push_back(imported(tensor, options));
    total += planned.back().stored.bytes;
  }
  for (const auto& made : options.made) {
    planned.push_back(made.tensor);
    total += made.tensor.stored.bytes;
  }
  OutputFile file(path);
  const auto header = safetensors_header(planned);
  file.write(0, header);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    const auto at = header.size() + done;
    const auto& out = planned[i];
    if (i >= given.size())
      write_made(options.made[i - given.size()], at, file);
    else if (const auto fill = options.replaced ? options.replaced(given[i]) : nullptr)
      write_made({out, [&](std::uint64_t first,
                           std::span<std::byte> to) { fill(out.stored.dtype(), first, to); }},
                 at, file);
    else
      Copier(*checkpoint, options, file).copy(given[i], at);
    done += planned[i].stored.bytes;
    if (options.progress) options.progress(done, total);
  }
  file.finish();
}

void write_text(const std::string& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(0, bytes);
  file.finish();
}

void write_folder(const Checkpoint* checkpoint, const std::string& config,
                  const std::string& folder, const ImportOptions& options) {
  OutputFolder out(folder);
  write_text(out.file("config.json"), config);
  for (const auto& extra : options.extra) write_text(out.file(extra.name), extra.bytes);
  write_weights(checkpoint, options, out.file("model.safetensors"));
  out.appear();
}

}  // namespace

void import_checkpoint(const Checkpoint& checkpoint, const std::string& folder,
                       const ImportOptions& options) {
  write_folder(&checkpoint, options.config.empty() ? checkpoint.config() : options.config, folder,
               options);
}

void make_checkpoint(const std::string& folder, const ImportOptions& options) {
  write_folder(nullptr, options.config, folder, options);
}

}  // namespace strata::source
