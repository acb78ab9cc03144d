#include "core/train/update.hpp"

#include "core/dtype.hpp"
#include "core/optim/adam8.hpp"

namespace strata::train {
namespace {

constexpr uint64_t grain = 1u << 16;  // elements that a thread takes at a time
static_assert(grain % optim::moment_block == 0);

float* floats(std::byte* states, uint64_t at) { return reinterpret_cast<float*>(states + at); }

uint8_t* codes(std::byte* states, uint64_t at) { return reinterpret_cast<uint8_t*>(states + at); }

}  // namespace

optim::AdafactorShape factored(const std::vector<int64_t>& shape) {
  const auto count = element_count(shape);
  if (shape.size() < 2) return {.matrices = 1, .rows = 0, .columns = count};
  const auto rows = static_cast<uint64_t>(shape[shape.size() - 2]);
  const auto columns = static_cast<uint64_t>(shape.back());
  return {.matrices = count == 0 ? 0 : count / (rows * columns), .rows = rows, .columns = columns};
}

void WeightUpdate::reserve(const std::vector<int64_t>& shape) {
  if (rule_ == Rule::adafactor && element_count(shape) > 0) adafactor_.reserve(factored(shape));
}

void WeightUpdate::run(const WeightStep& step, const std::vector<int64_t>& shape,
                       const PieceStates& places, std::byte* states,
                       const optim::AdamArrays& arrays, const optim::Bf16Weights& held) {
  if (rule_ == Rule::adafactor)
    return adafactor_.update(step.adafactor, step.number, factored(shape),
                             {.gradient_dtype = arrays.gradient_dtype,
                              .gradient = arrays.gradient,
                              .master = arrays.master,
                              .moments = floats(states, places.moment2),
                              .copy_dtype = arrays.copy_dtype,
                              .copy = arrays.copy,
                              .held = held},
                             workers_);
  if (places.codes) return adam8(step.adam, element_count(shape), places, states, arrays, held);
  adam(step.adam, element_count(shape), places, states, arrays, held);
}

void WeightUpdate::adam(const optim::AdamStep& step, uint64_t count, const PieceStates& places,
                        std::byte* states, optim::AdamArrays arrays,
                        const optim::Bf16Weights& held) {
  arrays.moment1 = floats(states, places.moment1);
  arrays.moment2 = floats(states, places.moment2);
  workers_.run(count, grain, [&](uint64_t first, uint64_t some) {
    optim::adam(step, arrays, held, first, some);
  });
}

void WeightUpdate::adam8(const optim::AdamStep& step, uint64_t count, const PieceStates& places,
                         std::byte* states, const optim::AdamArrays& arrays,
                         const optim::Bf16Weights& held) {
  const optim::Adam8Arrays packed{.gradient_dtype = arrays.gradient_dtype,
                                  .gradient = arrays.gradient,
                                  .master = arrays.master,
                                  .moment1 = codes(states, places.moment1),
                                  .moment2 = codes(states, places.moment2),
                                  .scale1 = floats(states, places.scale1),
                                  .scale2 = floats(states, places.scale2),
                                  .copy_dtype = arrays.copy_dtype,
                                  .copy = arrays.copy};
  workers_.run(count, grain, [&](uint64_t first, uint64_t some) {
    optim::adam8(step, packed, held, first, some);
  });
}

}  // namespace strata::train
