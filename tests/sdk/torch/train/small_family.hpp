// The small family opened, and rows to train it on.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tests/sdk/torch/train/small.hpp"
#include "tests/sdk/torch/train/taught.hpp"

namespace strata::torch::test {

struct SmallFamily {
  explicit SmallFamily(const std::string& more = "") : opened(config(more)) {}
  static std::string config(const std::string& more) {
    return R"({"model_type": "test")" + more + "}";
  }
  Taught taught(TaughtOptions options = {}) const {
    return {*opened, opened->host(), std::move(options)};
  }
  Opened<Small> opened;
};

// Rows of these lengths, some tokens of which are not scored, with weights of their own.
inline Rows some_rows(const std::vector<int64_t>& lengths, uint64_t first_number = 0) {
  Rows rows;
  int32_t id = 3;
  for (const auto n : lengths) {
    const auto number = first_number + rows.numbers.size();
    rows.numbers.push_back(number);
    auto& ids = rows.ids.emplace_back();
    auto& targets = rows.targets.emplace_back();
    auto& weights = rows.weights.emplace_back();
    for (int64_t t = 0; t < n; ++t) {
      id = static_cast<int32_t>((id * 7 + 5 + static_cast<int32_t>(number)) % Small::V);
      ids.push_back(id);
      targets.push_back(t % 4 == 1 ? -100 : (id * 3 + t) % Small::V);
      weights.push_back(0.5F + static_cast<float>(t % 3));
    }
  }
  return rows;
}

inline train::StepSettings settings() {
  train::StepSettings made;
  made.seed = 11, made.step = 3, made.scale = 0.25, made.label_smoothing = 0.1;
  return made;
}

}  // namespace strata::torch::test
