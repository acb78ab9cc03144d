// This process's part in a command that several ranks carry out together.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/plugins.hpp"
#include "core/run/group.hpp"
#include "core/run/model.hpp"
#include "host/cli/common_options.hpp"
#include "host/options/run_options.hpp"

namespace strata::host {

// One rank is a team, too, with or without a group. All ranks make the same calls in the same
// order.
class Team {
 public:
  Team() = default;
  Team(std::shared_ptr<run::Group> group, std::vector<std::pair<std::string, std::string>> shared)
      : group_(std::move(group)), shared_(std::move(shared)) {}

  // Whether there are no other ranks.
  bool alone() const { return ranks() == 1; }
  std::uint32_t rank() const { return group_ ? group_->ranks().rank : 0; }
  std::uint32_t ranks() const { return group_ ? group_->ranks().ranks : 1; }
  // Whether this is rank 0, which alone prints results and progress.
  bool prints() const { return rank() == 0; }
  const std::shared_ptr<run::Group>& group() const { return group_; }

  // Compares version, options, model and plugins of all ranks, before weights are read.
  void check(const run::Model& model, const app::Plugins& plugins) const;

  // The value that rank 0 makes, on all ranks; the others do not call `make`.
  template <class Make>
  auto from_first(const Make& make) const -> decltype(make()) {
    if (alone()) return make();
    nlohmann::json mine;
    if (prints()) mine = make();
    return nlohmann::json::parse(group_->control().broadcast(mine.dump()))
        .template get<decltype(make())>();
  }
  // The objects of all ranks, by rank.
  std::vector<nlohmann::json> all(const nlohmann::json& mine) const;

  // The block [first, last) of `count` items that a rank has: in the order of the ranks, the first
  // ranks have one more where they do not divide.
  std::pair<std::size_t, std::size_t> block(std::size_t count, std::uint32_t rank) const;
  std::pair<std::size_t, std::size_t> block(std::size_t count) const {
    return block(count, rank());
  }

 private:
  std::shared_ptr<run::Group> group_;
  std::vector<std::pair<std::string, std::string>> shared_;
};

// Calls `body` with the ranks that the environment names, or one in a group of its own if that is
// the number in the options. A failure ends all ranks. Before any of
// them asks for the data, rank 0 alone says it: with the name of the rank, unless it is an error of
// all or a difference between ranks. Later the rank that fails says its own error behind its name,
// and the first of the others, unless they have a parent that does it, says which rank is lost.
void on_ranks(const RunOptions& options, const cli::CommonOptions& common,
              const std::function<void(const Team&)>& body);

// Throws UsageError if a launcher has started several ranks of a command that runs as one process.
void require_one_rank(const char* command, const char* fact);

}  // namespace strata::host
