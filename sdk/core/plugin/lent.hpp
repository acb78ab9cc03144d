// Tensors that cross to a plugin and back: arguments lent for a call, and results.
#pragma once
#include <algorithm>
#include <string>
#include <utility>

#include "core/plugin/ops.hpp"

namespace strata::plugin {

// Lends a tensor for a call: a plugin may retain it, as the ABI says, and check() finds a release
// without a retain. The tensor lives on where the plugin keeps it.
class Lent {
 public:
  explicit Lent(Handle tensor) : tensor_(std::move(tensor)) {
    if (tensor_) tensor_.get()->owners += reserve;
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() {
    if (tensor_) tensor_.get()->owners = std::max(tensor_.get()->owners - reserve, 1);
  }

  strata_tensor* get() const { return tensor_.get(); }
  // Throws Error where the plugin released the tensor more often than it retained it.
  void check(const std::string& who, const char* function) const;

 private:
  static constexpr int reserve = 1 << 20;  // more than any call releases
  Handle tensor_;
};

// Takes the tensor that a plugin's function returned, which may be null. Throws Error where the
// plugin released any tensor more often than it owned it.
Handle taken(strata_tensor* given, const std::string& who, const char* function);

}  // namespace strata::plugin
