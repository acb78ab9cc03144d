#include <algorithm>

#include "core/optim/cast.hpp"
#include "core/optim/gradient.hpp"
#include "core/train/state_kernels.hpp"

namespace strata::train {
namespace {

constexpr uint64_t grain = 1u << 16;  // elements that a thread takes at a time

class HostKernels final : public StateKernels {
 public:
  explicit HostKernels(optim::Workers& workers) : workers_(workers) {}

  void accumulate(float* sum, strata_dtype dtype, const std::byte* from, uint64_t count,
                  bool first) override {
    workers_.run(count, grain, [&](uint64_t begin, uint64_t some) {
      if (first)
        optim::cast(optim::f32, sum, dtype, from, begin, some);
      else
        optim::add(sum, dtype, from, begin, some);
    });
  }

  void square(strata_dtype dtype, const std::byte* values, uint64_t count,
              double* partials) override {
    workers_.run(optim::square_blocks(count), 1, [&](uint64_t first, uint64_t some) {
      optim::square_sums(dtype, values, count, first, some, partials);
    });
  }

  void adam(const UpdateNumbers* numbers, bool matrix, const optim::AdamArrays& arrays,
            uint64_t count) override {
    if (numbers->finite == 0) return;
    const auto& how = matrix ? numbers->decayed : numbers->plain;
    workers_.run(count, grain,
                 [&](uint64_t first, uint64_t some) { optim::adam(how, arrays, first, some); });
  }

 private:
  optim::Workers& workers_;
};

}  // namespace

std::unique_ptr<StateKernels> host_kernels(optim::Workers& workers) {
  return std::make_unique<HostKernels>(workers);
}

}  // namespace strata::train
