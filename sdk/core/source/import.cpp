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

bool dense(const Tensor& tensor) { return tensor.stored.scheme.empty(); }

// The dtype that the options name for floating values, else one that holds all of a tensor's
// values.
strata_dtype imported_dtype(const Tensor& tensor, const ImportOptions& options) {
  const auto all = forms(tensor);
  const auto floating = [](const Tensor& form) {
    return !dense(form) || is_floating(form.stored.dtype);
  };
  if (options.dtype && std::ranges::all_of(all, floating)) return *options.dtype;
  const auto& first = all.front().stored.dtype;
  const auto as_first = [&](const Tensor& form) {
    return dense(form) && same(form.stored.dtype, first);
  };
  return std::ranges::all_of(all, as_first) ? first : f32;
}

// The tensor as the new file will have it.
Tensor imported(const Tensor& tensor, const ImportOptions& options) {
  Tensor out = tensor;
  if (const auto resized = options.rows.find(tensor.name); resized != options.rows.end())
    out.shape[0] = resized->second;
  const auto dtype = imported_dtype(tensor, options);
  out.stored = {dtype, "", 1, element_bytes(dtype)};
  out.order = {};
  out.by_columns = 0;
  out.parts.clear();
  out.add = 0;
  out.at = {0, 0, static_cast<std::uint64_t>(elements(out)) * element_bytes(out.stored.dtype)};
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
    const auto added = options_.add.find(tensor.name), given = options_.values.find(tensor.name);
    add_ = added == options_.add.end() ? nullptr : &added->second;
    if (add_ || given != options_.values.end()) dtype_ = f32;
    if (given != options_.values.end()) return copy_values(tensor, given->second);
    if (tensor.parts.empty()) {
      const auto place = [&](std::int64_t row) { return run_row(tensor, row); };
      return copy_form(tensor, tensor.order.blocks == 0 ? Place() : place);
    }
    const auto block = tensor.shape[0] / tensor.order.blocks;
    std::int64_t first = 0;
    for (const auto& part : tensor.parts) {
      const auto rows = part.shape[0] / tensor.order.blocks;
      copy_form(part, [&](std::int64_t row) { return row / rows * block + first + row % rows; });
      first += rows;
    }
  }

 private:
  // The place of each of the file's rows among the new ones; empty: the rows stay in place.
  using Place = std::function<std::int64_t(std::int64_t row)>;

  // Writes elements of the new tensor from `element` on, which are of dtype_.
  void put(std::uint64_t element, std::span<const std::byte> bytes) {
    const auto out = element_bytes(written_);
    if (!add_ && same(dtype_, written_)) return to_.write(at_ + element * out, bytes);
    sum_.resize(bytes.size() / sizeof(float));
    std::memcpy(sum_.data(), bytes.data(), bytes.size());
    if (add_) (*add_)(element, sum_);
    if (same(written_, f32)) return to_.write(at_ + element * out, std::as_bytes(std::span(sum_)));
    std::vector<std::byte> narrow(sum_.size() * out);
    for (std::size_t i = 0; i < sum_.size(); ++i)
      set_element(written_, &narrow[i * out], double{sum_[i]});
    to_.write(at_ + element * out, narrow);
  }

  void copy_values(const Tensor& tensor, const ImportOptions::Change& values) {
    const auto all = static_cast<std::uint64_t>(elements(tensor)),
               piece = buffer_bytes / sizeof(float);
    for (std::uint64_t first = 0; first < all; first += piece) {
      floats_.resize(std::min(piece, all - first));
      values(first, floats_);
      put(first, std::as_bytes(std::span(floats_)));
    }
  }

  void copy_form(const Tensor& form, const Place& place) {
    if (form.by_columns) return turn(form, place);
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
  void turn(const Tensor& form, const Place& place) {
    const auto rows = static_cast<std::uint64_t>(form.shape[0]) / form.by_columns,
               columns = static_cast<std::uint64_t>(form.shape[1]);
    const auto some = piece_elements(form, rows) / rows;
    std::vector<std::byte> part;
    for (std::uint64_t m = 0; m < form.by_columns; ++m)
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
    if (tensor.by_columns || !tensor.parts.empty())
      throw Error("tensor '" + printable(tensor.name) + "'", "its rows do not lie together",
                  "import it first, and resize what that makes");
    const auto form = imported(tensor, options_);
    const auto all = static_cast<std::uint64_t>(tensor.shape[0]),
               wanted = static_cast<std::uint64_t>(form.shape[0]),
               columns = static_cast<std::uint64_t>(elements(tensor)) / all;
    const auto count = piece_elements(tensor, columns) / columns, row = columns * width();
    RowMean mean(form.stored.dtype, columns, tensor.name);
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
    const auto step = row > 0 ? row : dense(form) ? 1 : columns;
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
    const auto& how = form.stored;
    stored_.resize(count / how.block_elements * how.block_bytes);
    from_.read(form, first / how.block_elements * how.block_bytes, stored_);
    if (dense(form) && same(how.dtype, dtype_) && form.add == 0) return stored_;
    floats_.resize(count);
    if (!dense(form))
      options_.expand(form, stored_, floats_);
    else
      for (std::uint64_t i = 0; i < count; ++i)
        floats_[i] = static_cast<float>(element(how.dtype, &stored_[i * how.block_bytes]));
    if (form.add != 0)
      for (auto& value : floats_) value += static_cast<float>(form.add);
    if (same(dtype_, f32)) return std::as_bytes(std::span(floats_));
    narrow_.resize(count * width());
    for (std::uint64_t i = 0; i < count; ++i)
      set_element(dtype_, &narrow_[i * width()], double{floats_[i]});
    return narrow_;
  }

  std::uint64_t width() const { return element_bytes(dtype_); }

  const Checkpoint& from_;
  const ImportOptions& options_;
  OutputFile& to_;
  std::uint64_t at_ = 0;                        // where the new tensor begins
  strata_dtype written_{};                      // of the new tensor
  strata_dtype dtype_{};                        // before the change; then written_
  const ImportOptions::Change* add_ = nullptr;  // null: none
  std::vector<std::byte> stored_;
  std::vector<float> floats_, sum_;
  std::vector<std::byte> narrow_;
};

void write_made(const MadeTensor& made, std::uint64_t at, OutputFile& to) {
  const auto width = element_bytes(made.tensor.stored.dtype);
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
    for (const auto& form : forms(tensor))
      if (!dense(form) && !options.expand)
        throw Error(checkpoint->path(),
                    "tensor '" + printable(form.name) + "' is " + form.stored.scheme +
                        ", which no codec expands",
                    "add the codec's plugin");
    if (tensor.scales.bytes != 0)
      throw Error(checkpoint->path(),
                  "tensor '" + printable(tensor.name) + "' is " + tensor.stored.scheme +
                      ", blocks in two tensors, which are not imported",
                  "run the model as it is");
    planned.push_back(imported(tensor, options));
    total += planned.back().at.bytes;
  }
  for (const auto& made : options.made) {
    planned.push_back(made.tensor);
    total += made.tensor.at.bytes;
  }
  OutputFile file(path);
  const auto header = safetensors_header(planned);
  file.write(0, header);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (checkpoint && i < given.size())
      Copier(*checkpoint, options, file).copy(given[i], header.size() + done);
    else
      write_made(options.made[i - given.size()], header.size() + done, file);
    done += planned[i].at.bytes;
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
