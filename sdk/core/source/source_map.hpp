// The source map: the tensor of a checkpoint for each weight of a model.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/source/checkpoint.hpp"

namespace strata::source {

struct Wanted {
  std::string name;                 // the checkpoint's canonical name
  std::vector<std::int64_t> shape;  // as the ops use it
  bool in_out = false;              // the file has a matrix, or `also` all experts', as [in,out]
  std::string also = {};            // another name, for a file without the first one
  // Not 0: the number of experts, with "{}" in the name for an expert's number. `also` is then a
  // tensor of all of them, [experts,...], with `also_rows` rows of each expert; the weight's rows
  // are the one at `also_first` and every `also_step`-th from there.
  std::uint32_t experts = 0;
  std::int64_t also_first = 0, also_rows = 0, also_step = 1;
  bool tied = false;  // an embedding's table that is also the head's matrix
};

// The names that a weight may have in a file, the best first: its own, and those with a leading
// "model.", "transformer." or "rwtransformer." added or removed.
std::vector<std::string> spellings(const std::string& name);

// The tensor that has the first of these names; null where there is none.
const Tensor* find_spelled(const Checkpoint& checkpoint, const std::string& name);

// The names of a language model's head in a checkpoint, beside the table that it may be tied to.
inline constexpr std::array<std::string_view, 2> head_names{"lm_head.weight", "embed_out.weight"};

// The tensors of a head's name that have the shape of `table`, the one that the head is tied to.
std::vector<const Tensor*> twins_of(const Checkpoint& checkpoint, const Tensor& table);

class Resolver;

// The tensors of the weights, by the wanted names.
class SourceMap {
 public:
  const Tensor& at(const std::string& name) const { return by_name_.at(name); }
  const Tensor* find(const std::string& name) const;
  const std::map<std::string, Tensor>& all() const { return by_name_; }
  // Unexpected tensors of the checkpoint that are no weight, by their names there.
  const std::vector<std::string>& unused() const { return unused_; }

  // Compares a tied table with the head's matrix, where the checkpoint has both, over at most
  // `most` bytes of each; returns the head's where they differ, else null.
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
// "transformer." or "rwtransformer." added or removed; a tied table also by a head's name. It finds
// an expert's weight by its number ("a.3.w" for "a.{}.w"), or as a slice of the tensor of all
// experts: by the other name, or by the name without "{}." ("a.w"), transposed or not where the
// shape decides it. Throws one Misfit with every missing or misshapen weight and the other tensors
// present, or an Error with the name of the quantization where the weights have an unsupported one.
// The head's matrix of the same shape beside a tied table is for other_head. All other tensors are
// unused(): transformers, too, names them and goes on. Not among them are tensors without learned
// values, rotary frequencies ("*.rotary_emb.inv_freq"), "*.position_ids" and causal masks
// ("*.attn.bias", "*.attn.masked_bias", "*.attention.bias", "*.attention.masked_bias"), those named
// in `spare`, and those with a word of `passed_over` in their name.
SourceMap resolve(const Checkpoint& checkpoint, std::span<const Wanted> wanted,
                  std::span<const std::string_view> spare = {},
                  std::span<const std::string> passed_over = {});

}  // namespace strata::source
