// LibTorch's setting for kernels that give the same bits in every run.
#pragma once

namespace strata::torch {

// Holds the setting while it lives: an op with a deterministic kernel takes that, and one that has
// none on the device throws. It covers the whole process, on every thread; on a CPU it changes
// nothing. Make it before the first product on a GPU.
class Deterministic {
 public:
  explicit Deterministic(bool on);
  ~Deterministic();
  Deterministic(const Deterministic&) = delete;
  Deterministic& operator=(const Deterministic&) = delete;

 private:
  bool on_;
};

}  // namespace strata::torch
