// Adafactor with a given learning rate, as transformers' Adafactor with relative_step and
// scale_parameter false and without a first moment.
#pragma once
#include <cstdint>
#include <vector>

#include "core/optim/bf16_weights.hpp"
#include "core/optim/dtypes.hpp"
#include "core/optim/workers.hpp"

namespace strata::optim {

struct AdafactorSettings {
  double rate = 0;            // the learning rate of this step
  double eps = 1e-30;         // added to each squared gradient
  double clip_threshold = 1;  // limits the root mean square of a weight's update
  double decay_rate = -0.8;   // the second moments' beta is 1 - step^decay_rate
  double weight_decay = 0;    // weight -= weight_decay * rate * weight, before the update
  double factor = 1;          // multiplies the gradient first
};

// A weight's shape [..., rows, columns]; `matrices` is the product of the dimensions before. A
// weight of one dimension has rows 0 and is not factored.
struct AdafactorShape {
  uint64_t matrices = 1, rows = 0, columns = 0;
  uint64_t elements() const { return matrices * (rows == 0 ? 1 : rows) * columns; }
  // The float32 numbers of its second moments: a number for each row, then for each column, of all
  // matrices; for each element if it is not factored.
  uint64_t states() const { return rows == 0 ? columns : matrices * (rows + columns); }
};

struct AdafactorArrays {
  strata_dtype gradient_dtype = f32;  // f32, bf16 or f16
  const void* gradient = nullptr;     // null: zero, and nothing is read
  float* master = nullptr;            // the weight; null: `held` has it
  float* moments = nullptr;           // [states], zero before the first step
  strata_dtype copy_dtype = bf16;     // f32, bf16 or f16
  void* copy = nullptr;               // the new weight in the run dtype; null: none
  Bf16Weights held{};                 // without a copy
};

// Updates whole weights, since an update depends on sums over the weight. The sums are made over
// ranges that depend on the shape alone, so any number of threads and any processor give the same
// bits. Keeps memory for the sums of the largest weight so far.
class Adafactor {
 public:
  // Makes room for weights of this shape, so that later updates of them allocate nothing.
  void reserve(const AdafactorShape& shape);

  // `step` counts from 1.
  void update(const AdafactorSettings& settings, uint64_t step, const AdafactorShape& shape,
              const AdafactorArrays& arrays, Workers& workers);

 private:
  std::vector<double> column_sums_;  // [parts of a matrix, columns]
  std::vector<double> squares_;      // [parts of a weight]
  std::vector<float> factors_;       // [states]: 1 / sqrt of the second moments, scaled
};

}  // namespace strata::optim
