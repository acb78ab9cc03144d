// The least device memory that a training is not refused with.
#pragma once
#include <catch2/catch.hpp>
#include <string>

#include "core/error.hpp"
#include "core/train/prepare.hpp"

namespace made {

// Reads it from the words of the refusal.
inline uint64_t least_of(const strata::run::Model& model, strata::train::TrainingRequest request) {
  request.device_memory = 0;
  try {
    prepare_training(model, request);
  } catch (const strata::Error& error) {
    const std::string words = error.what();
    return std::stoull(words.substr(words.find("at least ") + 9));
  }
  FAIL("a budget of 0 was not refused");
  return 0;
}

}  // namespace made
