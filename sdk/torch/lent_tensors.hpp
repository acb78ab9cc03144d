// Tensors lent to a plugin for one call.
#pragma once
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/lent.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

class LentTensors {
 public:
  strata_tensor* lend(at::Tensor tensor) {
    return lent_.emplace_back(handle(std::move(tensor))).get();
  }
  std::vector<strata_tensor*> lend(const std::vector<at::Tensor>& tensors) {
    std::vector<strata_tensor*> out;
    for (const auto& one : tensors) out.push_back(lend(one));
    return out;
  }
  // Throws Error where the plugin released a tensor more often than it retained it.
  void check(const std::string& who, const char* function) const {
    for (const auto& one : lent_) one.check(who, function);
  }

 private:
  std::deque<plugin::Lent> lent_;
};

}  // namespace strata::torch
