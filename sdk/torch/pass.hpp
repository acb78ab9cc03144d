// The state that all calls of one pass share: the places of its sequences, and tensors made once.
#pragma once
#include <ATen/core/Tensor.h>

#include <list>
#include <vector>

#include "core/run/compute.hpp"
#include "torch/turn.hpp"

namespace strata::torch {

// The places of the sequences of packed tokens and of their keys, on the host.
struct Ragged {
  struct Sequence {
    int64_t start = 0, count = 0;  // rows of the packed tokens
    int64_t keys = 0;              // the keys that they see, with their own
    int64_t cache_row = -1;        // of the first key, in tokens of the cache; -1: not contiguous
  };
  std::vector<Sequence> sequences;
  int64_t tokens = 0, max_query = 0, max_keys = 0;
};

class Pass {
 public:
  // `room` is the size of the KV cache, in the cache's layout. begin refuses a batch that does not
  // fit it.
  explicit Pass(const run::KvRoom& room);
  void begin(const run::Batch& batch);

  const Ragged& ragged() const { return ragged_; }
  const std::vector<run::Sequence>& sequences() const { return sequences_; }
  bool padded() const { return padded_; }  // whether a sequence ends with padding
  // The queries of the attention that runs: all tokens, unless it is given a part of them. The part
  // lasts until it is replaced; null: all tokens.
  const Ragged& attended() const { return part_ ? *part_ : ragged_; }
  const Ragged* part() const { return part_; }
  void attend(const Ragged* part) { part_ = part; }
  // Blocks of one sequence; 0: no cache.
  int64_t blocks() const { return blocks_; }
  const run::KvRoom& room() const { return room_; }

  // Tensors of this pass on one device, made at first use.
  struct OnDevice {
    explicit OnDevice(const at::Device& where) : device(where) {}
    at::Device device;
    at::Tensor ids;              // [T] int32
    at::Tensor positions;        // [T] int64
    at::Tensor learned;          // [T] int64: the same with -1 for padding; undefined without any
    at::Tensor starts, lengths;  // [S+1], [S] int32
    at::Tensor table;            // [S, blocks] int32; undefined without a cache
    at::Tensor cache_rows;       // [T] int64: the cache row for each token's key
    struct Slopes {
      double scale;
      at::Tensor value;  // [H] float32
    };
    std::vector<Slopes> slopes;  // of ALiBi, made at first use
    std::vector<Turn> turns;     // a rope's cosines and sines
    struct Mask {
      bool causal;
      int64_t window, sequence;  // sequence -1: of all, padded
      const void* slopes;
      at::Tensor value;
    };
    std::vector<Mask> masks;
  };
  OnDevice& on(const at::Device& device);
  // The tensors of this pass to which `starts` belongs; null if it is not the pass's.
  OnDevice* of(const at::Tensor& starts);

 private:
  run::KvRoom room_;
  int64_t blocks_ = 0;
  std::vector<int32_t> ids_;
  std::vector<run::Sequence> sequences_;
  Ragged ragged_;
  bool padded_ = false;
  const Ragged* part_ = nullptr;
  std::list<OnDevice> devices_;  // references stay valid
};

}  // namespace strata::torch
