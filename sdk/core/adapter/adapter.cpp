#include "core/adapter/adapter.hpp"

#include <algorithm>

#include "core/adapter/resolve.hpp"
#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/elements.hpp"
#include "core/source/file.hpp"
#include "core/source/names_text.hpp"
#include "core/source/safetensors.hpp"
#include "core/source/source_map.hpp"
#include "core/source/torch_file.hpp"

namespace strata::adapter {
namespace {

std::string config_of(const std::string& folder) {
  if (!source::exists(folder)) throw Error(folder, "no such adapter", "give its folder");
  if (!source::exists(folder + "/adapter_config.json"))
    throw Error(folder, "has no adapter_config.json, so it is no PEFT adapter",
                "give the folder that peft's save_pretrained wrote");
  return folder + "/adapter_config.json";
}

std::shared_ptr<const source::File> weights_of(const std::string& folder) {
  for (const auto* name : {"/adapter_model.safetensors", "/adapter_model.bin"})
    if (source::exists(folder + name)) return source::File::open(folder + name);
  throw Error(folder, "has neither adapter_model.safetensors nor adapter_model.bin",
              "fetch the adapter's weights");
}

std::vector<source::Tensor> tensors_of(const source::File& file) {
  return file.path().ends_with(".bin") ? source::read_torch_file(file, 0)
                                       : source::read_safetensors(file, 0);
}

// Calls f(row, column, value) for each element of a matrix of the file.
template <class F>
void each_element(const source::File& file, const source::Tensor& tensor, F f) {
  const auto rows = tensor.shape[0], columns = tensor.shape[1];
  const auto dtype = tensor.stored.dtype();
  const std::uint64_t width = element_bytes(dtype);
  const bool turned = tensor.step<source::Transpose>();
  const auto outer = turned ? columns : rows, each = turned ? rows : columns;
  constexpr std::uint64_t piece = 4u << 20;
  const auto some = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(
             piece / std::max<std::uint64_t>(1, static_cast<std::uint64_t>(each) * width)));
  std::vector<std::byte> bytes;
  for (std::int64_t first = 0; first < outer; first += some) {
    const auto n = std::min(some, outer - first);
    bytes.resize(static_cast<std::uint64_t>(n * each) * width);
    file.read(tensor.stored.file().offset + static_cast<std::uint64_t>(first * each) * width,
              bytes);
    const auto* at = bytes.data();
    for (std::int64_t o = first; o < first + n; ++o)
      for (std::int64_t i = 0; i < each; ++i, at += width) {
        const auto value = static_cast<float>(source::element(dtype, at));
        turned ? f(i, o, value) : f(o, i, value);
      }
  }
}

// Whether the first and the last elements of two tensors are equal in the narrower dtype. True for
// a tensor that is not dense, in its own order.
bool same_ends(const Adapter& adapter, const source::Tensor& one,
               const source::Checkpoint& checkpoint, const source::Tensor& own) {
  if (own.shape != one.shape) return false;
  const bool plain = own.stored.dense() && own.steps.empty() && one.steps.empty();
  const auto dtype = one.stored.dtype(), own_dtype = own.stored.dtype();
  if (!plain || !source::is_floating(own_dtype)) return true;
  const auto all = static_cast<std::uint64_t>(source::elements(one));
  const auto some = std::min<std::uint64_t>(all, 1 << 18);
  const std::uint64_t width = element_bytes(dtype), own_width = element_bytes(own_dtype);
  const auto narrow = width < own_width ? dtype : own_dtype;
  std::vector<std::byte> a(some * width), b(some * own_width);
  for (const auto first : {std::uint64_t{0}, all - some}) {
    adapter.file->read(one.stored.file().offset + first * width, a);
    checkpoint.read(own, first * own_width, b);
    for (std::uint64_t i = 0; i < some; ++i) {
      std::byte x[8]{}, y[8]{};
      source::set_element(narrow, x, source::element(dtype, &a[i * width]));
      source::set_element(narrow, y, source::element(own_dtype, &b[i * own_width]));
      if (!std::ranges::equal(x, y)) return false;
    }
  }
  return true;
}

}  // namespace

std::uint64_t LowRank::elements_of_a() const {
  return static_cast<std::uint64_t>(module.experts * rank * module.in);
}
std::uint64_t LowRank::elements_of_b() const {
  return static_cast<std::uint64_t>(module.experts * rank * module.out);
}

std::uint64_t LowRank::bytes() const {
  constexpr std::uint64_t block = 512;
  const auto up = [](std::uint64_t bytes) { return (bytes + block - 1) / block * block; };
  return up(4 * elements_of_a()) + up(4 * elements_of_b());
}

Adapter Adapter::open(const std::string& folder, std::span<const shape::DeclaredUnit> units,
                      bool tied) {
  const auto config_path = config_of(folder);
  const auto config =
      LoraConfig::parse(source::File::open(config_path)->text(source::longest_config), config_path);
  auto file = weights_of(folder);
  auto out = resolve(folder, config, tensors_of(*file), Modules(units, tied));
  out.file = std::move(file);
  return out;
}

void Adapter::require_low_rank(const source::Checkpoint* checkpoint) const {
  std::vector<std::string> names;
  for (const auto& one : whole) {
    const auto* own = checkpoint ? source::find_spelled(*checkpoint, one.weight) : nullptr;
    if (!one.copy || (own && !same_ends(*this, one.tensor, *checkpoint, *own)))
      names.push_back(one.weight);
  }
  if (names.empty()) return;
  throw Error(
      path, "holds whole weights (" + source::first_of(names, 60) + "), which replace the model's",
      "make a model of both with `strata import MODEL --adapter DIR --output NEW`");
}

std::uint64_t Adapter::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& one : low_rank) sum += one.bytes();
  return sum;
}

void read_a(const Adapter& adapter, const LowRank& one, std::span<float> into) {
  const auto in = static_cast<std::size_t>(one.module.in);
  each_element(*adapter.file, one.a, [&](std::int64_t row, std::int64_t column, float value) {
    into[static_cast<std::size_t>(row) * in + static_cast<std::size_t>(column)] = value;
  });
}

void read_b(const Adapter& adapter, const LowRank& one, std::span<float> into) {
  const auto rank = one.rank, out = one.module.out, experts = std::int64_t{one.module.experts};
  each_element(*adapter.file, one.b, [&](std::int64_t row, std::int64_t column, float value) {
    const auto expert = column % experts, k = column / experts;
    into[static_cast<std::size_t>((expert * out + row) * rank + k)] = value;
  });
}

Scratch scratch_of(const Adapter& adapter, bool narrow) {
  Scratch out;
  for (const auto& one : adapter.low_rank) {
    // The input in float32 where it is narrower, A x, B A x, and the sum in float32.
    const auto in = one.module.kind == Kind::table ? 0 : one.module.in;
    const auto bytes = 4 * static_cast<std::uint64_t>((narrow ? in : 0) + one.rank +
                                                      (narrow ? 3 : 2) * one.module.out);
    auto& most = one.module.kind == Kind::head ? out.wanted : out.token;
    most = std::max(most, bytes);
  }
  return out;
}

}  // namespace strata::adapter
