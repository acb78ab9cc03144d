// The smallest family: an embedding and a head. It costs one embedding lookup and one matrix
// product, and is the file to copy for a family of your own.
// Dims: T tokens, V vocabulary, D hidden.
#include <strata/model.hpp>

namespace {

using strata::Ops, strata::Tensor;

struct Null {
  int64_t V, D;

  explicit Null(const strata::Config& c) : V(c.i64("vocab_size")), D(c.i64("hidden_size")) {}

  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    d.head().weight("head.weight", {V, D});
  }

  // ids [T] -> [T,D]; [T,D] -> [T,V]
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    return unit == 0 ? op.embedding(x, "embed") : op.linear(x, "head");
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Null, "null", "1.0.0");
