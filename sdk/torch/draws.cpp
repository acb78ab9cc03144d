#include "torch/draws.hpp"

#include <algorithm>
#include <cmath>

#include "torch/form.hpp"
#include "torch/pch.hpp"
#include "torch/run_parts.hpp"

namespace strata::torch {

namespace {

constexpr uint64_t golden = 0x9e3779b97f4a7c15, first_factor = 0xbf58476d1ce4e5b9,
                   second_factor = 0x94d049bb133111eb;
constexpr int draw_bits = 24;

// The mixing function of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom
// number generators", 2014.
constexpr uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * first_factor;
  z = (z ^ (z >> 27)) * second_factor;
  return z ^ (z >> 31);
}
constexpr uint64_t with(uint64_t hash, uint64_t value) { return mixed(hash + golden + value); }

// The least draw that is kept.
int64_t threshold(double p) { return static_cast<int64_t>(std::llround(std::ldexp(p, draw_bits))); }

// z ^ (z >> bits) without the sign.
void fold(at::Tensor& z, int64_t bits) {
  const auto shifted = z.bitwise_right_shift(bits).bitwise_and_((int64_t{1} << (64 - bits)) - 1);
  z.bitwise_xor_(shifted);
}

// Joins f(first, count) over [0, n), a part for each few million elements: the numbers take eight
// bytes each, and a few times.
template <class F>
at::Tensor by_parts(int64_t n, int64_t elements_of_one, F&& f) {
  constexpr int64_t some = 1 << 22;
  const auto step = std::max<int64_t>(1, some / std::max<int64_t>(1, elements_of_one));
  std::vector<at::Tensor> parts;
  for (int64_t first = 0; first < n; first += step)
    parts.push_back(f(first, std::min(step, n - first)));
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

}  // namespace

void Draws::begin(uint64_t seed, uint64_t step, std::span<const uint64_t> rows,
                  std::span<const int64_t> positions) {
  step_ = with(mixed(seed + golden), step);
  chosen_.clear();
  all_.resize(rows.size());
  for (std::size_t t = 0; t < rows.size(); ++t)
    all_[t] = with(with(step_, rows[t]), static_cast<uint64_t>(positions[t]));
}

void Draws::choose(std::span<const int64_t> tokens) {
  chosen_.clear();
  for (const auto t : tokens) chosen_.push_back(all_.at(static_cast<std::size_t>(t)));
}

void Draws::all() { chosen_.clear(); }

uint64_t Draws::seed(Source source) const { return with(with(step_, source.unit), source.op); }

std::vector<int64_t> Draws::keys(Source source, std::size_t first, std::size_t count) const {
  const auto op = with(mixed(source.unit + golden), source.op);
  std::vector<int64_t> out;
  for (auto t = first; t < first + count; ++t)
    out.push_back(static_cast<int64_t>(with(tokens().at(t), op)));
  return out;
}

at::Tensor Draws::kept(Source source, double p, int64_t width, const at::Device& device) const {
  const auto of_tokens = keys(source, 0, tokens().size());
  if (device.is_cpu()) return kept_by_loop(of_tokens, width, p);
  const auto columns = at::arange(width, at::TensorOptions().dtype(at::kLong).device(device));
  const auto rows = uploaded(at::tensor(of_tokens, at::kLong), device).unsqueeze(1);
  return by_parts(rows.size(0), width, [&](int64_t first, int64_t count) {
    return kept_by_ops(rows.narrow(0, first, count), columns, p);
  });
}

at::Tensor Draws::kept_pairs(Source source, double p, const Pairs& pairs,
                             const at::Device& device) const {
  const auto of_tokens = at::tensor(
      keys(source, static_cast<std::size_t>(pairs.first), static_cast<std::size_t>(pairs.tokens)),
      at::kLong);
  const auto integer = at::TensorOptions().dtype(at::kLong).device(device);
  // A column is a head and a key, whatever the number of keys is.
  const auto columns = at::arange(pairs.heads, integer)
                           .mul(int64_t{1} << 32)
                           .view({-1, 1, 1})
                           .add(at::arange(pairs.keys, integer));
  const auto rows = uploaded(of_tokens, device).view({1, -1, 1});
  return by_parts(pairs.heads, pairs.tokens * pairs.keys, [&](int64_t first, int64_t count) {
    return kept_by_ops(rows, columns.narrow(0, first, count), p);
  });
}

at::Tensor dropped(const at::Tensor& x, const at::Tensor& kept, double p) {
  return x.mul(kept).mul(1 / (1 - p));
}

at::Tensor kept_by_ops(const at::Tensor& keys, const at::Tensor& columns, double p) {
  auto z = columns.add(1).mul_(static_cast<int64_t>(golden)).add(keys);
  fold(z, 30);
  z.mul_(static_cast<int64_t>(first_factor));
  fold(z, 27);
  z.mul_(static_cast<int64_t>(second_factor));
  fold(z, 31);
  return z.bitwise_right_shift(64 - draw_bits)
      .bitwise_and_((int64_t{1} << draw_bits) - 1)
      .ge(threshold(p));
}

at::Tensor kept_by_loop(const std::vector<int64_t>& keys, int64_t width, double p) {
  const auto count = static_cast<int64_t>(keys.size()), least = threshold(p);
  auto kept = at::empty({count, width}, at::TensorOptions().dtype(at::kBool));
  auto* out = kept.data_ptr<bool>();
  const auto parts = std::clamp<int64_t>(count * width / (1 << 14), 1,
                                         std::min<int64_t>(at::get_num_threads(), count));
  run_parts(static_cast<int>(parts), [&](int part) {
    for (auto t = count * part / parts; t < count * (part + 1) / parts; ++t) {
      auto z = static_cast<uint64_t>(keys[static_cast<std::size_t>(t)]);
      for (int64_t c = 0; c < width; ++c) {
        z += golden;
        out[t * width + c] = static_cast<int64_t>(mixed(z) >> (64 - draw_bits)) >= least;
      }
    }
  });
  return kept;
}

}  // namespace strata::torch
