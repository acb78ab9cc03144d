// Guards for calls of LibTorch: no recording, the place's stream, errors as strata::Error.
#pragma once
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/util/Exception.h>

#include <optional>
#include <string_view>

#include "core/error.hpp"

namespace strata::torch {

// Switches recording off. Tensors of inference mode cannot enter a recorded computation later, so
// training only switches gradients off.
class Unrecorded {
 public:
  explicit Unrecorded(bool recording) {
    if (recording)
      no_grad_.emplace();
    else
      inference_.emplace();
  }

 private:
  std::optional<c10::InferenceMode> inference_;
  std::optional<c10::NoGradGuard> no_grad_;
};

// Calls f() and turns an exception of LibTorch into one line about `who`.
template <class F>
auto as_errors(std::string_view who, F&& f) {
  try {
    return f();
  } catch (const c10::Error& e) {
    std::string_view words = e.what_without_backtrace();
    throw Error(who, words.substr(0, words.find('\n')), "");
  }
}

}  // namespace strata::torch
