// Ranks that are threads of one process, and meet for each control message.
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/sdk/app/bare_group.hpp"

namespace strata::test {

// The point where all ranks meet. When one has failed, the others' meetings throw.
class Meeting {
 public:
  explicit Meeting(std::uint32_t ranks) : texts_(ranks) {}

  std::vector<std::string> meet(std::uint32_t rank, std::string text) {
    std::unique_lock lock(mutex_);
    texts_[rank] = std::move(text);
    const auto own = number_;
    if (++here_ == texts_.size()) {
      met_texts_ = texts_;  // a rank may be at the next meeting before another one has read this
      here_ = 0;
      ++number_;
      met_.notify_all();
    } else {
      met_.wait(lock, [&] { return number_ != own || over_; });
    }
    if (number_ == own) throw Error("group", "another rank failed", "");
    return met_texts_;
  }
  void fail() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    met_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable met_;
  std::vector<std::string> texts_, met_texts_;
  std::size_t here_ = 0;
  std::uint64_t number_ = 0;
  bool over_ = false;
};

class ThreadGroup final : public BareGroup {
 public:
  // `meeting` is that of as many ranks and outlives this.
  ThreadGroup(Meeting& meeting, std::uint32_t rank, std::uint32_t ranks)
      : BareGroup(rank, ranks), meeting_(meeting) {}

  std::vector<std::string> all_gather(std::string_view mine) override {
    return meeting_.meet(ranks_.rank, std::string(mine));
  }
  std::string broadcast(std::string_view mine) override { return all_gather(mine).front(); }

 private:
  Meeting& meeting_;
};

}  // namespace strata::test
