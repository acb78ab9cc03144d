// A group whose ranks do not meet: tests override what theirs do.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/run/group.hpp"

namespace strata::test {

class BareGroup : public run::Group, public run::Control {
 public:
  BareGroup(std::uint32_t rank, std::uint32_t ranks) {
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
  std::string broadcast(std::string_view) override {
    throw Error("broadcast", "there is none", "");
  }

 protected:
  run::Ranks ranks_;
};

}  // namespace strata::test
