// Reads the file that reference.py wrote.
#pragma once
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace strata::torch::test {

inline const nlohmann::json& reference() {
  static const auto read = [] {
    const auto* path = std::getenv("STRATA_TORCH_REFERENCE");
    if (!path)
      throw std::runtime_error("STRATA_TORCH_REFERENCE does not name reference.py's output");
    return nlohmann::json::parse(std::ifstream(path));
  }();
  return read;
}

}  // namespace strata::torch::test
