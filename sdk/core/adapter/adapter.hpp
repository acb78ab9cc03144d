// A LoRA adapter as PEFT writes it: for some of a model's matrices W, a product of two low-rank
// matrices, so that y = W x becomes y = W x + scale * B (A x).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/adapter/modules.hpp"
#include "core/source/checkpoint.hpp"
#include "core/source/tensor.hpp"

namespace strata::adapter {

// The product that is added to one module's weight. Dims: X experts, r rank.
struct LowRank {
  Module module;
  std::int64_t rank = 0;
  double scale = 0;
  source::Tensor a, b;  // as the file has them: [X*r,in] and [out,r*X]

  std::uint64_t elements_of_a() const;  // X * r * in
  std::uint64_t elements_of_b() const;  // X * out * r
  std::uint64_t bytes() const;          // in float32, as memory is given out
};

// A weight that the adapter holds whole, such as those of modules_to_save.
struct Whole {
  std::string weight;  // its name in the model
  source::Tensor tensor;
  bool copy = false;  // of the base model's, which PEFT saves beside the product of a table
};

struct Adapter {
  // Reads DIR/adapter_config.json and the header of its weights, and finds the module of each.
  // Throws Error naming the key or the tensor that is not plain LoRA, fits no module of the model,
  // or is not what the configuration says.
  static Adapter open(const std::string& folder, std::span<const shape::DeclaredUnit> units,
                      bool tied);

  // Refuses weights that are held whole: a run adds to the model's weights and replaces none.
  // Copies of the model's own are none the less fine; their beginning and their end are compared
  // where `checkpoint`, which may be null, has them dense.
  void require_low_rank(const source::Checkpoint* checkpoint) const;

  std::uint64_t bytes() const;  // in float32

  std::string path;                          // the folder
  std::string base;                          // the base model's name; may be empty
  std::shared_ptr<const source::File> file;  // of the weights
  std::vector<LowRank> low_rank;
  std::vector<Whole> whole;
};

// Reads the products' elements in float32, as they are used: A [X,r,in] and B [X,out,r]. `into` has
// as many as the LowRank says.
void read_a(const Adapter& adapter, const LowRank& one, std::span<float> into);
void read_b(const Adapter& adapter, const LowRank& one, std::span<float> into);

// The bytes of arithmetic beside the model's own that the products hold at once: for each token of
// a pass, and for each token whose logits are wanted. `narrow`: the pass is not in float32.
struct Scratch {
  std::uint64_t token = 0, wanted = 0;
};
Scratch scratch_of(const Adapter& adapter, bool narrow);

}  // namespace strata::adapter
