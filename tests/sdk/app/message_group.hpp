// Two ranks whose control messages wait in a list, so that a test runs one after the other, rank 0
// first.
#pragma once
#include <deque>
#include <string>

#include "tests/sdk/app/bare_group.hpp"

namespace strata::test {

class MessageGroup final : public BareGroup {
 public:
  // `messages` is shared by all ranks and outlives this.
  MessageGroup(std::deque<std::string>& messages, std::uint32_t rank, std::uint32_t ranks)
      : BareGroup(rank, ranks), messages_(messages) {}

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
};

}  // namespace strata::test
