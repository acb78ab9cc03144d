// Two ranks whose control messages wait in a list, so that a test runs one after the other, rank 0
// first.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/run/group.hpp"

namespace strata::test {

class MessageGroup final : public run::Group, public run::Control {
 public:
  // `messages` is shared by all ranks and outlives this.
  MessageGroup(std::deque<std::string>& messages, std::uint32_t rank, std::uint32_t ranks)
      : messages_(messages) {
    ranks_.rank = rank;
    ranks_.ranks = ranks;
  }

  const run::Ranks& ranks() const override { return ranks_; }
  run::Control& control() override { return *this; }
  device::Collective& data() override { throw Error("data", "there are none", ""); }
  void progress(std::uint64_t, std::uint32_t) override {}
  void fail(std::string_view) override {}

  std::vector<std::string> all_gather(std::string_view) override {
    throw Error("all_gather", "there is none", "");
  }
  // The other rank takes the message out.
  std::string broadcast(std::string_view mine) override {
    if (ranks_.rank == 0) return messages_.emplace_back(mine);
    if (messages_.empty()) throw Error("broadcast", "rank 0 said no more", "");
    auto out = messages_.front();
    messages_.pop_front();
    return out;
  }

 private:
  std::deque<std::string>& messages_;
  run::Ranks ranks_;
};

}  // namespace strata::test
