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
  // There are other scales than the blocks of rows and columns that the configuration names under
  // `key` have.
  strata::Failure misfit(const strata::WeightTensor& weight, const strata::WeightTensor& scale,
                         const std::string& key, int64_t rows, int64_t columns) const {
    const auto blocks = [](int64_t side, int64_t length) {
      return std::to_string((side + length - 1) / length);
    };
    return contradicted(words_of(weight) + " has " + words_of(scale),
                        key + " [" + std::to_string(rows) + ", " + std::to_string(columns) +
                            "] divides it into " + blocks(weight.shape[0], rows) + " x " +
                            blocks(weight.shape[1], columns) + " blocks");
  }
  strata::Failure misfit(const strata::WeightTensor& one, const strata::WeightTensor& other) const {
    return refused(words_of(one) + " and " + words_of(other) + " do not fit each other",
                   "fetch the checkpoint again");
  }

  // The configuration says something else than the tensors.
  strata::Failure contradicted(const std::string& tensors, const std::string& configured) const {
    return refused(tensors + ", and config.json's " + configured,
                   "give the config.json that belongs to these weights");
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
