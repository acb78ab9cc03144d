#include "core/source/import.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "core/error.hpp"
#include "core/optim/cast.hpp"
#include "core/source/dense_rows.hpp"
#include "core/source/dtype.hpp"
#include "core/source/elements.hpp"
#include "core/source/output.hpp"
#include "core/source/quantization.hpp"
#include "core/source/row_mean.hpp"
#include "core/source/safetensors.hpp"

namespace strata::source {
namespace {

constexpr std::uint64_t buffer_bytes = 32ull << 20;  // of made tensors

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
    written_ = imported_dtype(tensor, options_);
    if (options_.rows.contains(tensor.name)) return resize(tensor);
    const auto added = options_.added.find(tensor.name);
    add_ = added == options_.added.end() ? nullptr : &added->second;
    DenseRows rows(from_, tensor, tensor.shape, add_ ? f32 : written_, options_.expand);
    const auto some = rows.piece();
    for (std::uint64_t first = 0; first < rows.elements(); first += some)
      put(first, rows.read(first, std::min(some, rows.elements() - first)));
  }

 private:
  // Writes elements of the new tensor from `element` on; float32 ones where some are added.
  void put(std::uint64_t element, std::span<const std::byte> bytes) {
    const auto to = at_ + element * element_bytes(written_);
    if (!add_) return to_.write(to, bytes);
    sum_.resize(bytes.size() / sizeof(float));
    std::memcpy(sum_.data(), bytes.data(), bytes.size());
    (*add_)(element, sum_);
    if (same(written_, f32)) return to_.write(to, std::as_bytes(std::span(sum_)));
    to_.write(to, narrowed());
  }

  // Copies the rows that stay, and fills each new one with the mean of the old ones.
  void resize(const Tensor& tensor) {
    if (tensor.step<Transpose>() || !tensor.pieces.empty())
      throw Error("tensor '" + printable(tensor.name) + "'", "its rows do not lie together",
                  "import it first, and resize what that makes");
    DenseRows rows(from_, tensor, tensor.shape, written_, options_.expand);
    const auto form = imported(tensor, options_);
    const auto all = static_cast<std::uint64_t>(tensor.shape[0]),
               wanted = static_cast<std::uint64_t>(form.shape[0]), columns = rows.elements() / all;
    const auto row = columns * element_bytes(written_);
    const auto count = rows.piece() / columns;
    if (count == 0)
      throw Error("tensor '" + printable(tensor.name) + "'",
                  "a row of " + std::to_string(columns) + " elements is too long to hold",
                  "use another file of the model");
    RowMean mean(written_, columns, tensor.name);
    for (std::uint64_t first = 0; first < all; first += count) {
      const auto many = std::min(count, all - first);
      const auto bytes = rows.read(first * columns, many * columns);
      if (wanted > all) mean.add(bytes);
      if (first < wanted)
        to_.write(at_ + first * row, bytes.first(std::min(many, wanted - first) * row));
    }
    if (wanted <= all) return;
    const auto fresh = mean.row();
    for (auto next = all; next < wanted; ++next) to_.write(at_ + next * row, fresh);
  }

  // The sums in the new file's dtype, until the next call.
  std::span<const std::byte> narrowed() {
    narrow_.resize(sum_.size() * element_bytes(written_));
    optim::cast(written_, narrow_.data(), f32, sum_.data(), 0, sum_.size());
    return narrow_;
  }

  const Checkpoint& from_;
  const ImportOptions& options_;
  OutputFile& to_;
  std::uint64_t at_ = 0;                     // where the new tensor begins
  strata_dtype written_{};                   // of the new tensor
  const ImportOptions::Add* add_ = nullptr;  // null: none
  std::vector<float> sum_;
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
  auto config = options.config.empty() ? checkpoint.config() : options.config;
  const bool packed = std::ranges::any_of(
      checkpoint.tensors(), [](const Tensor& tensor) { return !tensor.stored.dense(); });
  if (packed && checkpoint.kind() != Kind::gguf)
    config = without_quantization(config, checkpoint.config_name());
  write_folder(&checkpoint, config, folder, options);
}

std::uint64_t imported_bytes(const Checkpoint& checkpoint, const ImportOptions& options) {
  std::uint64_t out = 0;
  for (const auto& tensor : checkpoint.tensors()) out += imported(tensor, options).stored.bytes;
  for (const auto& made : options.made) out += made.tensor.stored.bytes;
  return out;
}

void make_checkpoint(const std::string& folder, const ImportOptions& options) {
  write_folder(nullptr, options.config, folder, options);
}

}  // namespace strata::source
