// Ranks that are threads of one process and gather in memory.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/device/device.hpp"
#include "core/error.hpp"
#include "core/optim/sum_shards.hpp"

namespace made {

// The meeting point for the calls of all ranks, one after the other; all_reduce has one of its own,
// since another thread may call it.
class Meeting {
 public:
  explicit Meeting(std::uint32_t ranks) : data_(ranks), sums_(ranks) {}
  std::uint32_t ranks() const { return static_cast<std::uint32_t>(data_.bases.size()); }

  // Each rank must ask for the same in the same order; a rank that is left alone gets an error.
  void gather(std::uint32_t rank, std::byte* base, std::uint64_t shard) {
    meet(data_, rank, base, shard, [&](const std::vector<std::byte*>& bases) {
      for (std::uint32_t from = 0; from < ranks(); ++from)
        for (auto* to : bases)
          if (to != bases[from]) std::memcpy(to + from * shard, bases[from] + from * shard, shard);
    });
  }
  void reduce_scatter(std::uint32_t rank, std::byte* base, std::uint64_t shard,
                      strata::device::Element element) {
    meet(data_, rank, base, shard, [&](const std::vector<std::byte*>& bases) {
      std::vector<std::byte> parts(shard * ranks());
      for (std::uint32_t own = 0; own < ranks(); ++own) {
        for (std::uint32_t from = 0; from < ranks(); ++from)
          std::memcpy(parts.data() + from * shard, bases[from] + own * shard, shard);
        strata::optim::sum_shards(bases[own] + own * shard, parts.data(), ranks(), shard, element);
      }
    });
  }
  void broadcast(std::uint32_t rank, std::byte* base, std::uint64_t bytes, std::uint32_t from) {
    meet(data_, rank, base, bytes, [&](const std::vector<std::byte*>& bases) {
      for (auto* to : bases)
        if (to != bases[from]) std::memcpy(to, bases[from], bytes);
    });
  }
  void all_reduce(std::uint32_t rank, double* values, std::uint32_t count) {
    meet(sums_, rank, reinterpret_cast<std::byte*>(values), count,
         [&](const std::vector<std::byte*>& bases) {
           for (std::uint32_t i = 0; i < count; ++i) {
             double sum = 0;
             for (auto* base : bases) sum += reinterpret_cast<double*>(base)[i];
             for (auto* base : bases) reinterpret_cast<double*>(base)[i] = sum;
           }
         });
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
  }

 private:
  static constexpr std::chrono::seconds patience{60};

  struct Point {
    explicit Point(std::uint32_t ranks) : bases(ranks) {}
    std::vector<std::byte*> bases;
    std::uint64_t size = 0, round = 0;
    std::uint32_t arrived = 0;
  };

  // The last rank that arrives moves the data of all.
  template <class Share>
  void meet(Point& at, std::uint32_t rank, std::byte* base, std::uint64_t size, Share&& share) {
    std::unique_lock lock(mutex_);
    if (at.arrived == 0) at.size = size;
    if (size != at.size) broken_ = true;
    at.bases[rank] = base;
    const auto round = at.round;
    if (++at.arrived == ranks()) {
      share(at.bases);
      at.arrived = 0;
      ++at.round;
    }
    changed_.notify_all();
    changed_.wait_for(lock, patience, [&] { return broken_ || at.round != round; });
    if (at.round != round) return;
    broken_ = true;
    changed_.notify_all();
    throw strata::Error("rank " + std::to_string(rank), "the other ranks are lost", "");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Point data_, sums_;
  bool broken_ = false;
};

// One rank of the meeting; when it ends, the others cannot continue.
class Member final : public strata::device::Collective {
 public:
  Member(Meeting& meeting, std::uint32_t rank) : meeting_(meeting), rank_(rank) {}
  ~Member() override { meeting_.leave(); }
  std::uint32_t rank() const override { return rank_; }
  std::uint32_t ranks() const override { return meeting_.ranks(); }
  void all_gather(std::byte* base, std::uint64_t shard, strata::device::Stream) override {
    meeting_.gather(rank_, base, shard);
  }
  void reduce_scatter(std::byte* base, std::uint64_t shard, strata::device::Element element,
                      strata::device::Stream) override {
    meeting_.reduce_scatter(rank_, base, shard, element);
  }
  void broadcast(std::byte* base, std::uint64_t bytes, std::uint32_t from,
                 strata::device::Stream) override {
    meeting_.broadcast(rank_, base, bytes, from);
  }
  void all_reduce(double* values, std::uint32_t count) override {
    meeting_.all_reduce(rank_, values, count);
  }

 private:
  Meeting& meeting_;
  std::uint32_t rank_;
};

}  // namespace made
