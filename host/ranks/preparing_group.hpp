// A group whose ranks say together that a run cannot begin: until one of them asks for the data,
// its failure is told by the messages that all exchange anyway.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/run/group.hpp"

namespace strata::host {

// Its control throws app::SharedError on every rank when one of them has failed.
class PreparingGroup final : public run::Group, public run::Control {
 public:
  explicit PreparingGroup(std::unique_ptr<run::Group> group) : group_(std::move(group)) {}

  const run::Ranks& ranks() const override { return group_->ranks(); }
  run::Control& control() override { return *this; }
  device::Collective& data() override;
  void progress(uint64_t count, uint32_t unit) override { group_->progress(count, unit); }
  void fail(std::string_view reason) override { group_->fail(reason); }

  std::vector<std::string> all_gather(std::string_view mine) override;
  std::string broadcast(std::string_view mine) override;

  // Whether this rank has not asked for the data yet.
  bool prepares() const { return prepares_; }

  // Tells the others this rank's failure, in their next message, and throws app::SharedError: with
  // the words alone where all ranks failed alike, or where rank 0 failed in what it does for all;
  // else with the name of the first rank that failed.
  [[noreturn]] void fail_together(const std::string& words, Exit status);

 private:
  std::vector<std::string> exchange(std::string mine);

  std::unique_ptr<run::Group> group_;
  bool prepares_ = true;
};

}  // namespace strata::host
