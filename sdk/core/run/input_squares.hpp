// The size of the numbers that a model's products take.
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace strata::run {

// The sums over all tokens of the squares of what a product takes, one for each column of its
// weight, by the weight's declared name. Used on the thread that computes.
class InputSquares {
 public:
  // Adds the sums of one call.
  void add(const std::string& weight, std::span<const float> sums) {
    auto& all = sums_[weight];
    all.resize(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) all[i] += double{sums[i]};
  }
  // Null: no product with this weight ran.
  const std::vector<double>* of(const std::string& weight) const {
    const auto at = sums_.find(weight);
    return at == sums_.end() ? nullptr : &at->second;
  }

 private:
  std::map<std::string, std::vector<double>> sums_;
};

}  // namespace strata::run
