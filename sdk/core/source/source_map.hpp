// Which tensor of a checkpoint is which weight of a model.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/source/checkpoint.hpp"

namespace strata::source {

struct Wanted {
  std::string name;                 // the checkpoint's canonical name
  std::vector<std::int64_t> shape;  // as it is used
  bool in_out = false;              // the file holds a matrix, or `also` all experts', as [in,out]
  std::string also = {};            // another name, looked for where the first is not there
  // Not 0: of so many experts, their number being "{}" in the name. `also` is then a tensor of all
  // of them, [experts,...], whose `also_rows` rows of each expert have the weight's at `also_first`
  // and every `also_step` from there.
  std::uint32_t experts = 0;
  std::int64_t also_first = 0, also_rows = 0, also_step = 1;
  bool tied = false;  // an embedding's table that is the head's matrix as well
};

class Resolver;

// The tensors of the weights, by the names that were wanted.
class SourceMap {
 public:
  const Tensor& at(const std::string& name) const { return by_name_.at(name); }
  const Tensor* find(const std::string& name) const;
  const std::map<std::string, Tensor>& all() const { return by_name_; }
  // Tensors of the checkpoint that are no weight and that nobody expects, by their names there.
  const std::vector<std::string>& unused() const { return unused_; }

  // Reads a tied table and the head's matrix, where the checkpoint has that as well, as far as
  // `most` bytes of each; the head's, where they differ, else null.
  const Tensor* other_head(const Checkpoint& checkpoint, std::uint64_t most) const;

 private:
  friend class Resolver;
  std::map<std::string, Tensor> by_name_;
  std::vector<std::string> unused_;
  std::vector<std::pair<Tensor, Tensor>> twice_;  // a tied table, and the head's matrix
};

// Tensors that do not fit the weights; `all` has a line for each, what() the first ones.
struct Misfit : Error {
  Misfit(const Checkpoint& checkpoint, std::vector<std::string> lines);
  std::vector<std::string> all;
};

// Finds every weight by its name or its other one, or by that name with a leading "model.",
// "transformer." or "rwtransformer." more or less; a tied table also by a head's name. An expert's
// weight is found by its number ("a.3.w" for "a.{}.w"), or as a slice of the tensor of all experts:
// the other name, or the name without "{}." ("a.w"), either way round where its shape tells which.
// Throws one Misfit with all that is missing or misshapen, and what else is there; an Error with
// the name of their quantization where the weights are of one that is not read. The head's matrix
// of the same shape beside a tied table is for other_head. All other tensors are unused():
// transformers, too, names them and goes on. Not among them are those that hold nothing learned,
// rotary frequencies ("*.rotary_emb.inv_freq"), "*.position_ids" and causal masks ("*.attn.bias",
// "*.attn.masked_bias", "*.attention.bias", "*.attention.masked_bias"), those named in `spare`, and
// those with a word of `passed_over` in their name.
SourceMap resolve(const Checkpoint& checkpoint, std::span<const Wanted> wanted,
                  std::span<const std::string_view> spare = {},
                  std::span<const std::string> passed_over = {});

}  // namespace strata::source
