// A collective that counts its calls.
#pragma once
#include <atomic>
#include <memory>
#include <utility>

#include "core/device/device.hpp"

namespace strata::device {

// Passes all calls on, and counts those that have returned.
class CountedCollective final : public Collective {
 public:
  explicit CountedCollective(std::unique_ptr<Collective> counted) : counted_(std::move(counted)) {}

  uint32_t rank() const override { return counted_->rank(); }
  uint32_t ranks() const override { return counted_->ranks(); }
  void all_gather(std::byte* base, uint64_t shard, Stream stream) override {
    counted_->all_gather(base, shard, stream);
    gathers_.add(shard * ranks());
  }
  void reduce_scatter(std::byte* base, uint64_t shard, Element element, Stream stream) override {
    counted_->reduce_scatter(base, shard, element, stream);
    scatters_.add(shard * ranks());
  }
  void broadcast(std::byte* base, uint64_t bytes, uint32_t from, Stream stream) override {
    counted_->broadcast(base, bytes, from, stream);
  }
  void all_reduce(double* values, uint32_t count) override {
    counted_->all_reduce(values, count);
    reduces_.add(count * sizeof *values);
  }
  Collected collected() const override {
    return {.library = counted_->collected().library,
            .all_gather = gathers_.calls(),
            .reduce_scatter = scatters_.calls(),
            .all_reduce = reduces_.calls()};
  }

 private:
  class Count {
   public:
    void add(uint64_t bytes) {
      ++calls_;
      bytes_ += bytes;
    }
    Collected::Calls calls() const { return {.calls = calls_, .bytes = bytes_}; }

   private:
    std::atomic<uint64_t> calls_ = 0, bytes_ = 0;
  };

  std::unique_ptr<Collective> counted_;
  Count gathers_, scatters_, reduces_;
};

}  // namespace strata::device
