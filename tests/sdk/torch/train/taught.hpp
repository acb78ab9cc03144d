// A family with random weights in memory, and the trainer that is tested on it.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/train/trainer.hpp"

namespace strata::torch::test {

// The rows of a micro-batch.
struct Rows {
  std::vector<std::vector<int32_t>> ids;
  std::vector<uint64_t> numbers;              // by row
  std::vector<std::vector<int64_t>> targets;  // by row and token
  std::vector<std::vector<float>> weights;
};

struct TaughtOptions {
  std::string attention = "eager";
  strata_dtype dtype{STRATA_FLOAT, 64, 1}, reduce{STRATA_FLOAT, 64, 1};
  strata_device device{STRATA_CPU, 0};
  bool rows = false;  // the embedding's rows are given, and its table is not held
  int64_t loss_rows = 1024;
  double router_coefficient = 0;
  // Units are recorded and have a backward, and their weights are in another slot each time, which
  // is full of NaN before and behind it. Else they are run and rerun.
  bool graphs = false;
  // Trained products, whose weights are products_unit's.
  train::Products products{};
  // Units whose weights are frozen.
  std::function<bool(const zero::Unit&)> frozen = [](const zero::Unit&) { return false; };
};

// The unit of the products' weights, with the names of their modules and ".A" or ".B".
zero::Unit products_unit(const train::Products& products);

class Taught {
 public:
  Taught(const plugin::Family& family, const strata_host* host, TaughtOptions options);
  ~Taught();

  // The weights in float64, by name, with those of the products.
  std::map<std::string, at::Tensor> weights() const;
  void set(const std::string& name, const at::Tensor& value);

  // Runs micro-batches forward and backward. Afterward gradients() has the sum of their gradients.
  train::Loss step(const std::vector<Rows>& micro_batches, const train::StepSettings& settings);
  // The gradients in float64, by name; those of a table from its rows.
  const std::map<std::string, at::Tensor>& gradients() const { return gradients_; }
  // The loss of one micro-batch without its backward.
  train::Loss score(const Rows& rows, const train::StepSettings& settings);
  // Whether every element of the gradients' memory was written, with its gaps, by the last step.
  bool all_written() const { return all_written_; }

 private:
  struct Brought;  // the experts
  void begin(const Rows& rows, const train::StepSettings& settings);
  void forward(std::vector<at::Tensor>* kept);
  void record(std::size_t unit);
  void backward(std::size_t unit, std::byte* gradients);
  void take(const zero::Unit& unit, const train::Flat& flat, const at::Tensor& memory);
  at::Tensor unwritten(const train::Flat& flat, uint64_t tokens) const;

  at::Tensor bytes(uint64_t count) const;
  at::Tensor weight(std::size_t unit, const zero::Weight& w) const;
  at::Tensor product_weight(const zero::Weight& w) const;
  void make_products();
  void take_products();

  const plugin::Family& family_;
  TaughtOptions options_;
  std::vector<zero::Unit> units_;
  at::Device device_;
  std::vector<at::Tensor> memory_;  // the run form of each unit, as bytes
  zero::Unit products_;             // its weights are in product_memory_
  at::Tensor product_memory_;
  std::vector<at::Tensor> slots_;  // that recorded units have left
  at::Tensor table_;               // where its rows are given, in the run dtype
  std::unique_ptr<Brought> brought_;
  std::unique_ptr<train::Trainer> trainer_;
  std::map<std::string, at::Tensor> gradients_;
  bool all_written_ = true;
  uint64_t tokens_ = 0;
  std::vector<int32_t> ids_;
};

}  // namespace strata::torch::test
