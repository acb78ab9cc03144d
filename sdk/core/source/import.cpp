#include "core/source/import.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/output.hpp"
#include "core/source/row_mean.hpp"
#include "core/source/safetensors.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t buffer_bytes = 32ull << 20;  // twice: as stored, and expanded

bool dense(const Tensor& tensor) { return tensor.stored.scheme.empty(); }

// The tensor as it will lie in the new file.
Tensor imported(const Tensor& tensor, const ImportOptions& options) {
  Tensor out = tensor;
  if (const auto resized = options.rows.find(tensor.name); resized != options.rows.end())
    out.shape[0] = resized->second;
  out.stored = dense(tensor) ? tensor.stored : Stored{f32, "", 1, bytes_of(f32)};
  out.order = {};
  out.by_columns = false;
  out.add = 0;
  out.at = {0, 0, static_cast<std::uint64_t>(elements(out)) * bytes_of(out.stored.dtype)};
  return out;
}

// Copies one tensor piece by piece.
class Copier {
 public:
  Copier(const Checkpoint& from, const ImportOptions& options, OutputFile& to)
      : from_(from), options_(options), to_(to) {}

  // `at`: where the tensor begins in the new file.
  void copy(const Tensor& tensor, std::uint64_t at) {
    const auto width = bytes_of(imported(tensor, options_).stored.dtype);
    if (options_.rows.contains(tensor.name)) return resize(tensor, width, at);
    if (tensor.by_columns) return turn(tensor, width, at);
    const auto all = static_cast<std::uint64_t>(elements(tensor));
    const std::uint64_t row =
        tensor.order.blocks == 0 ? 0 : all / static_cast<std::uint64_t>(tensor.shape[0]);
    const auto piece = piece_elements(tensor, width, row);
    for (std::uint64_t first = 0; first < all; first += piece) {
      const auto bytes = expanded(tensor, first, std::min(piece, all - first));
      if (row == 0) {
        to_.write(at + first * width, bytes);
        continue;
      }
      for (std::uint64_t i = 0; i * row * width < bytes.size(); ++i) {
        const auto to = run_row(tensor, static_cast<std::int64_t>(first / row + i));
        to_.write(at + static_cast<std::uint64_t>(to) * row * width,
                  bytes.subspan(i * row * width, row * width));
      }
    }
  }

 private:
  // As many columns at once as the buffer holds.
  void turn(const Tensor& tensor, std::uint64_t width, std::uint64_t at) {
    const auto rows = static_cast<std::uint64_t>(tensor.shape[0]),
               columns = static_cast<std::uint64_t>(tensor.shape[1]);
    const auto some = piece_elements(tensor, width, rows) / rows;
    std::vector<std::byte> part;
    for (std::uint64_t first = 0; first < columns; first += some) {
      const auto many = std::min(some, columns - first);
      const auto bytes = expanded(tensor, first * rows, many * rows);
      part.resize(many * width);
      for (std::uint64_t r = 0; r < rows; ++r) {
        for (std::uint64_t c = 0; c < many; ++c)
          std::copy_n(&bytes[(c * rows + r) * width], width, &part[c * width]);
        to_.write(at + (r * columns + first) * width, part);
      }
    }
  }

  // The rows that stay, and in each new one the mean of those that were there.
  void resize(const Tensor& tensor, std::uint64_t width, std::uint64_t at) {
    if (tensor.by_columns)
      throw Error("tensor '" + printable(tensor.name) + "'", "is stored column by column",
                  "import it first, and resize what that makes");
    const auto form = imported(tensor, options_);
    const auto all = static_cast<std::uint64_t>(tensor.shape[0]),
               wanted = static_cast<std::uint64_t>(form.shape[0]),
               columns = static_cast<std::uint64_t>(elements(tensor)) / all;
    const auto count = piece_elements(tensor, width, columns) / columns, row = columns * width;
    RowMean mean(form.stored.dtype, columns, tensor.name);
    for (std::uint64_t first = 0; first < all; first += count) {
      const auto many = std::min(count, all - first);
      const auto bytes = expanded(tensor, first * columns, many * columns);
      if (wanted > all) mean.add(bytes);
      if (first < wanted)
        to_.write(at + first * row, bytes.first(std::min(many, wanted - first) * row));
    }
    if (wanted <= all) return;
    const auto fresh = mean.row();
    for (auto next = all; next < wanted; ++next) to_.write(at + next * row, fresh);
  }

  // As many as fit the buffer: whole rows where they are reordered or in blocks.
  static std::uint64_t piece_elements(const Tensor& tensor, std::uint64_t width,
                                      std::uint64_t row) {
    const auto columns = tensor.shape.empty() ? 1 : static_cast<std::uint64_t>(tensor.shape.back());
    const auto step = row > 0 ? row : dense(tensor) ? 1 : columns;
    const auto fit = buffer_bytes / width / step * step;
    if (fit == 0)
      throw Error("tensor '" + printable(tensor.name) + "'",
                  "a row of " + std::to_string(step) + " elements is too long to hold",
                  "use another file of the model");
    return fit;
  }

  std::span<const std::byte> expanded(const Tensor& tensor, std::uint64_t first,
                                      std::uint64_t count) {
    const auto& form = tensor.stored;
    stored_.resize(count / form.block_elements * form.block_bytes);
    from_.read(tensor, first / form.block_elements * form.block_bytes, stored_);
    if (tensor.add != 0) {
      floats_.resize(count);
      std::memcpy(floats_.data(), stored_.data(), stored_.size());
      for (auto& value : floats_) value += static_cast<float>(tensor.add);
      return std::as_bytes(std::span(floats_));
    }
    if (dense(tensor)) return stored_;
    floats_.resize(count);
    options_.expand(tensor, stored_, floats_);
    return std::as_bytes(std::span(floats_));
  }

  const Checkpoint& from_;
  const ImportOptions& options_;
  OutputFile& to_;
  std::vector<std::byte> stored_;
  std::vector<float> floats_;
};

void write_made(const MadeTensor& made, std::uint64_t at, OutputFile& to) {
  const auto width = bytes_of(made.tensor.stored.dtype);
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
  const auto given = checkpoint ? std::span(checkpoint->tensors()) : std::span<const Tensor>();
  for (const auto& tensor : given) {
    if (!dense(tensor) && !options.expand)
      throw Error(checkpoint->path(),
                  "tensor '" + printable(tensor.name) + "' is " + tensor.stored.scheme +
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
    if (i < given.size())
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
