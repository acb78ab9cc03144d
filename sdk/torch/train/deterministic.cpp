#include "torch/train/deterministic.hpp"

#include <cstdlib>

#include "torch/pch.hpp"

namespace strata::torch {
namespace {

void set(bool on) {
  constexpr bool only_warn = false;
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  at::globalContext().setDeterministicAlgorithms(on, only_warn);
  at::globalContext().setDeterministicCuDNN(on);
}

}  // namespace

Deterministic::Deterministic(bool on) : on_(on) {
  if (!on_) return;
  // cuBLAS gives the same bits only with a workspace of its own for each stream. LibTorch refuses
  // products without this variable, which it reads before the first of them.
  constexpr int keep = 0;
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", keep);
  set(true);
}

Deterministic::~Deterministic() {
  if (on_) set(false);
}

}  // namespace strata::torch
