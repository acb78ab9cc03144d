// The tensors of a checkpoint that are one weight, by their roles, and the words of what is wrong
// with them. A role is the end of the tensor's name.
#pragma once
#include <span>
#include <strata/quant.hpp>
#include <string>
#include <string_view>

namespace packed {

inline constexpr int64_t longest = int64_t{1} << 30;  // side of a weight

inline std::string words_of(const strata::WeightTensor& tensor) {
  auto out = std::string(tensor.role) + " " + std::string(tensor.type) + " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i)
    out += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return out + "]";
}

class Tensors {
 public:
  // Both outlive it.
  Tensors(std::string_view weight, std::span<const strata::WeightTensor> all)
      : weight_(weight), all_(all) {}

  std::string weight() const { return std::string(weight_); }  // its name

  const strata::WeightTensor* find(std::string_view role) const {
    for (const auto& one : all_)
      if (one.role == role) return &one;
    return nullptr;
  }
  const strata::WeightTensor* find(std::string_view role, std::string_view type) const {
    const auto* found = find(role);
    return found && found->type == type ? found : nullptr;
  }

  strata::Failure refused(const std::string& fact, const std::string& remedy) const {
    return {STRATA_INVALID, std::string(weight_) + ": " + fact + ": " + remedy};
  }
  strata::Failure unsupported(const std::string& fact) const {
    return {STRATA_UNIMPLEMENTED, std::string(weight_) + ": " + fact +
                                      " is not supported: use another version of this checkpoint"};
  }
  strata::Failure misfit(const strata::WeightTensor& one, const strata::WeightTensor& other) const {
    return refused(words_of(one) + " and " + words_of(other) + " do not fit each other",
                   "fetch the checkpoint again");
  }

  // Throws unless the tensor is a matrix with sides of 1 to 2^30.
  void need_matrix(const strata::WeightTensor& one) const {
    bool fits = one.shape.size() == 2;
    for (const auto side : one.shape) fits = fits && side >= 1 && side <= longest;
    if (!fits) throw unsupported(words_of(one) + ", which is no matrix,");
  }

 private:
  std::string_view weight_;
  std::span<const strata::WeightTensor> all_;
};

}  // namespace packed
