// The kernels of states on a GPU beside those of the processor.
#include "core/train/state_kernels.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "core/dtype.hpp"
#include "core/optim/cast.hpp"
#include "core/optim/gradient.hpp"
#include "tests/gpu/device_memory.hpp"

extern "C" std::unique_ptr<strata::train::StateKernels> strata_open_cuda_kernels(void* stream);

namespace strata::test {
namespace {

using optim::bf16, optim::f16, optim::f32;

constexpr uint64_t count = 3 * optim::square_block + 12'345;

// Numbers of both signs in this dtype; now and then a zero.
std::vector<std::byte> numbers_of(strata_dtype dtype, unsigned seed, float scale) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> wide(count);
  for (auto& x : wide) x = random() % 40 == 0 ? 0 : normal(random) * scale;
  std::vector<std::byte> out(count * element_bytes(dtype));
  optim::cast(dtype, out.data(), f32, wide.data(), 0, count);
  return out;
}

std::vector<std::byte> absolute(std::vector<std::byte> floats) {
  for (std::size_t i = 3; i < floats.size(); i += 4) floats[i] &= std::byte{0x7f};
  return floats;
}

template <class T>
T* as(std::byte* at) {
  return reinterpret_cast<T*>(at);
}

}  // namespace

TEST_CASE("sums of gradients on a GPU have the processor's bits", "[gpu][states]") {
  const auto dtype = GENERATE(f32, bf16, f16);
  const auto kernels = strata_open_cuda_kernels(nullptr);
  const auto first = numbers_of(dtype, 1, 1), second = numbers_of(dtype, 2, 1e-3F);
  std::vector<float> expected(count);
  optim::cast(f32, expected.data(), dtype, first.data(), 0, count);
  optim::add(expected.data(), dtype, second.data(), 0, count);
  const DeviceMemory sum(count * sizeof(float)), one(first), other(second);
  kernels->accumulate(as<float>(sum.data()), dtype, one.data(), count, true);
  kernels->accumulate(as<float>(sum.data()), dtype, other.data(), count, false);
  CHECK(std::memcmp(sum.read(nullptr).data(), expected.data(), count * sizeof(float)) == 0);
}

TEST_CASE("sums of squares on a GPU have the processor's bits", "[gpu][states]") {
  const auto dtype = GENERATE(f32, bf16, f16);
  const auto kernels = strata_open_cuda_kernels(nullptr);
  const auto values = numbers_of(dtype, 3, 2);
  const auto blocks = optim::square_blocks(count);
  std::vector<double> expected(blocks);
  optim::square_sums(dtype, values.data(), count, 0, blocks, expected.data());
  const DeviceMemory there(values), partials(blocks * sizeof(double));
  kernels->square(dtype, there.data(), count, as<double>(partials.data()));
  CHECK(std::memcmp(partials.read(nullptr).data(), expected.data(), blocks * sizeof(double)) == 0);
}

TEST_CASE("an update on a GPU has the processor's bits", "[gpu][states]") {
  const auto gradients = GENERATE(f32, bf16, f16);
  const auto copies = GENERATE(f32, bf16, f16);
  const bool decoupled = GENERATE(true, false);
  const optim::AdamSettings settings{
      .rate = 1e-2, .weight_decay = 0.1, .decoupled = decoupled, .factor = 0.37};
  train::UpdateNumbers numbers{.decayed = optim::adam_step(settings, 3), .plain = {}, .finite = 1};
  const auto kernels = strata_open_cuda_kernels(nullptr);
  auto g = numbers_of(gradients, 1, 1e-2F), p = numbers_of(f32, 2, 1),
       m = numbers_of(f32, 3, 1e-3F), v = absolute(numbers_of(f32, 4, 1e-4F));
  std::vector<std::byte> copy(count * element_bytes(copies)), known(sizeof(numbers));
  std::memcpy(known.data(), &numbers, sizeof(numbers));
  const DeviceMemory there(known), dg(g), dp(p), dm(m), dv(v), dcopy(copy);
  const auto run = [&] {
    kernels->adam(as<train::UpdateNumbers>(there.data()), true,
                  {.gradient_dtype = gradients,
                   .gradient = dg.data(),
                   .master = as<float>(dp.data()),
                   .moment1 = as<float>(dm.data()),
                   .moment2 = as<float>(dv.data()),
                   .copy_dtype = copies,
                   .copy = dcopy.data()},
                  count);
  };
  run();
  optim::adam(numbers.decayed,
              {.gradient_dtype = gradients,
               .gradient = g.data(),
               .master = as<float>(p.data()),
               .moment1 = as<float>(m.data()),
               .moment2 = as<float>(v.data()),
               .copy_dtype = copies,
               .copy = copy.data()},
              0, count);
  const auto check = [&] {
    CHECK(dp.read(nullptr) == p);
    CHECK(dm.read(nullptr) == m);
    CHECK(dv.read(nullptr) == v);
    CHECK(dcopy.read(nullptr) == copy);
  };
  check();
  // Numbers that are not finite change nothing.
  numbers.finite = 0;
  succeed(cudaMemcpy(there.data(), &numbers, sizeof(numbers), cudaMemcpyDefault));
  run();
  check();
}

}  // namespace strata::test
