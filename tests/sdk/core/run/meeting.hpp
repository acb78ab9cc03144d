// Ranks that are threads of one process and gather in memory.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/device/device.hpp"
#include "core/error.hpp"

namespace made {

// The meeting point for the gathers of all ranks, one after the other.
class Meeting {
 public:
  explicit Meeting(std::uint32_t ranks) : bases_(ranks) {}
  std::uint32_t ranks() const { return static_cast<std::uint32_t>(bases_.size()); }

  // Each rank must ask for the same sizes in the same order; a rank that is left alone gets an
  // error.
  void gather(std::uint32_t rank, std::byte* base, std::uint64_t shard) {
    std::unique_lock lock(mutex_);
    if (arrived_ == 0) shard_ = shard;
    if (shard != shard_) broken_ = true;
    bases_[rank] = base;
    const auto round = round_;
    if (++arrived_ == ranks()) share();
    changed_.notify_all();
    changed_.wait_for(lock, patience, [&] { return broken_ || round_ != round; });
    if (round_ != round) return;
    broken_ = true;
    changed_.notify_all();
    throw strata::Error("rank " + std::to_string(rank), "the other ranks are lost", "");
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
  }
  std::uint64_t rounds() const { return round_; }  // when all ranks have ended

 private:
  static constexpr std::chrono::seconds patience{60};

  void share() {
    for (std::uint32_t from = 0; from < ranks(); ++from)
      for (std::uint32_t to = 0; to < ranks(); ++to)
        if (to != from)
          std::memcpy(bases_[to] + from * shard_, bases_[from] + from * shard_, shard_);
    arrived_ = 0;
    ++round_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte*> bases_;
  std::uint64_t shard_ = 0, round_ = 0;
  std::uint32_t arrived_ = 0;
  bool broken_ = false;
};

// One rank of the meeting; when it ends, the others cannot continue.
class Member final : public strata::device::Collective {
 public:
  Member(Meeting& meeting, std::uint32_t rank) : meeting_(meeting), rank_(rank) {}
  ~Member() override { meeting_.leave(); }
  std::uint32_t rank() const override { return rank_; }
  std::uint32_t ranks() const override { return meeting_.ranks(); }
  void all_gather(std::byte* base, std::uint64_t shard) override {
    meeting_.gather(rank_, base, shard);
  }

 private:
  Meeting& meeting_;
  std::uint32_t rank_;
};

}  // namespace made
