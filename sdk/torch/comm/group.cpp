#include "torch/comm/group.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>

#include "core/device/counted_collective.hpp"
#include "torch/comm/deadline.hpp"
#include "torch/comm/gloo_data.hpp"
#include "torch/comm/no_pipe_signal.hpp"

namespace strata::torch {

namespace {

// Beyond the limit of a stall, which has the better words.
constexpr std::chrono::milliseconds behind_stall{60'000};

class GroupControl final : public run::Control {
 public:
  GroupControl(const run::Ranks& ranks, Gloo& gloo, Watch* watch)
      : ranks_(ranks), gloo_(gloo), watch_(watch) {}

  std::vector<std::string> all_gather(std::string_view mine) override {
    std::vector<std::string> out(ranks_.ranks);
    guarded([&] {
      std::vector<uint64_t> sizes(ranks_.ranks);
      sizes[ranks_.rank] = mine.size();
      gloo_.all_gather(reinterpret_cast<std::byte*>(sizes.data()), sizeof(uint64_t));
      const auto longest = *std::ranges::max_element(sizes);
      if (longest == 0) return;
      std::vector<std::byte> all(longest * ranks_.ranks);
      std::memcpy(all.data() + longest * ranks_.rank, mine.data(), mine.size());
      gloo_.all_gather(all.data(), longest);
      for (uint32_t rank = 0; rank < ranks_.ranks; ++rank)
        out[rank].assign(reinterpret_cast<const char*>(all.data() + longest * rank), sizes[rank]);
    });
    return out;
  }

  std::string broadcast(std::string_view mine) override {
    std::string out(mine);
    guarded([&] {
      uint64_t size = out.size();
      gloo_.broadcast(reinterpret_cast<std::byte*>(&size), sizeof size, 0);
      out.resize(size);
      if (size > 0) gloo_.broadcast(reinterpret_cast<std::byte*>(out.data()), size, 0);
    });
    return out;
  }

 private:
  template <class F>
  void guarded(F&& f) {
    const Joined joined{ranks_, {}, {}, *this, gloo_, watch_};
    with_reason(joined, f);
  }

  const run::Ranks& ranks_;
  Gloo& gloo_;
  Watch* watch_;
};

class TorchGroup final : public run::Group {
 public:
  TorchGroup(const run::GroupOptions& options, const OpenData& open_data)
      : ranks_(options.ranks), exceptions_(std::uncaught_exceptions()) {
    const auto limit = options.stall + behind_stall;
    const NoPipeSignal quiet;  // for the threads of all connections
    if (ranks_.ranks > 1)
      meet(options);
    else
      store_ = open_store(ranks_);
    try {
      connect(limit, open_data);
    } catch (const std::exception& e) {
      if (watch_ && !watch_->verdict()) watch_->fail(e.what());
      throw;
    }
  }

  ~TorchGroup() override {
    if (!watch_) return;
    watch_->look_at({});
    if (std::uncaught_exceptions() > exceptions_) watch_->fail("it ended with an error of its own");
    watch_->leave();
  }

  const run::Ranks& ranks() const override { return ranks_; }
  run::Control& control() override { return *control_; }
  device::Collective& data() override { return *data_; }
  void progress(uint64_t count, uint32_t unit) override {
    if (watch_) watch_->progress(count, unit);
  }
  void fail(std::string_view reason) override {
    if (watch_) watch_->fail(reason);
  }

 private:
  // [Note: rank 0 that does not answer] The store limits the waits for other ranks, not for its own
  // answers, and the watch has not begun. All have come after twice their patience: that for rank
  // 0, and rank 0's for the others.
  void meet(const run::GroupOptions& options) {
    const Deadline deadline(2 * ranks_.patience + options.heartbeat, [&] {
      if (ranks_.rank != 0 && options.on_lost)
        options.on_lost({0, "it does not answer at " + ranks_.address + ":" +
                                std::to_string(ranks_.port) +
                                ": it was stopped, or cannot be reached"});
    });
    store_ = open_store(ranks_);
    watch_.emplace(options, join_store(ranks_));
  }

  void connect(std::chrono::milliseconds limit, const OpenData& open_data) {
    auto* watch = watch_ ? &*watch_ : nullptr;
    as_rank(ranks_, ranks_.ranks == 1 ? "Gloo does not start" : "the ranks do not reach each other",
            [&] {
              messages_.emplace(ranks_, store_, "control", limit);
              sums_.emplace(ranks_, store_, "sums", limit);
            });
    control_.emplace(ranks_, *messages_, watch);
    joined_.emplace(Joined{ranks_, limit, store_, *control_, *sums_, watch});
    data_ = std::make_unique<device::CountedCollective>(open_data(*joined_));
  }

  run::Ranks ranks_;
  int exceptions_;
  Store store_;
  // [Note: order of a group's end] The watch leaves before any connection is closed, since rank 0
  // serves the store until the others have left; it is destroyed last, since the data ask it.
  std::optional<Watch> watch_;  // of several ranks
  std::optional<Gloo> messages_, sums_;
  std::optional<GroupControl> control_;
  std::optional<Joined> joined_;
  std::unique_ptr<device::Collective> data_;
};

}  // namespace

std::unique_ptr<run::Group> open_group(const run::GroupOptions& options,
                                       const OpenData& open_data) {
  return std::make_unique<TorchGroup>(options, open_data);
}

}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::run::Group>
strata_open_group(const strata::run::GroupOptions& options) {
  return strata::torch::open_group(options, strata::torch::open_gloo_data);
}
