// Which tensor of a checkpoint is which weight of a model.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/source/checkpoint.hpp"

namespace strata::source {

struct Wanted {
  std::string name;                 // the checkpoint's canonical name
  std::vector<std::int64_t> shape;  // as it is used
  bool in_out = false;              // the file holds a matrix the other way round, [in,out]
};

// The tensors of the weights, by the names that were wanted.
class SourceMap {
 public:
  const Tensor& at(const std::string& name) const { return by_name_.at(name); }
  const Tensor* find(const std::string& name) const;
  const std::map<std::string, Tensor>& all() const { return by_name_; }

 private:
  friend SourceMap resolve(const Checkpoint&, std::span<const Wanted>);
  std::map<std::string, Tensor> by_name_;
};

// Tensors that do not fit the weights; `all` has a line for each, what() the first eight.
struct Misfit : Error {
  Misfit(const Checkpoint& checkpoint, std::vector<std::string> lines);
  std::vector<std::string> all;
};

// Finds every weight by its name, or by that name with a leading "model." or "transformer." more or
// less. Throws one Misfit with all that is missing, misshapen or extra. Extra tensors that hold
// nothing learned are passed over: rotary frequencies
// ("*.rotary_emb.inv_freq") and causal masks ("*.attn.bias", "*.attn.masked_bias",
// "*.attention.bias", "*.attention.masked_bias").
SourceMap resolve(const Checkpoint& checkpoint, std::span<const Wanted> wanted);

}  // namespace strata::source
