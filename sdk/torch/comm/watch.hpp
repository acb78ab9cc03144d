// The watch over the ranks of a group: heartbeats, good-byes and failures through the store.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/run/group.hpp"
#include "torch/comm/store.hpp"

namespace strata::torch {

// [Note: two threads]
// One thread exchanges heartbeats through the store. Where rank 0, which serves it, is stopped,
// this thread waits for an answer that does not come. Another thread sees that, and calls on_lost.
//
// [Note: one judge]
// Rank 0 judges the heartbeats of all ranks and writes its verdict to the store, so that all ranks
// have the same one. The first verdict or failure that is written stays. Rank 0 does not end before
// the others have read it, or a second has passed. The others judge rank 0 alone.
class Watch {
 public:
  // `store` is open. Returns when all ranks have given a heartbeat.
  Watch(const run::GroupOptions& options, Store store);
  // Leaves.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // As Group's, on any thread.
  void progress(uint64_t count, uint32_t unit);
  void fail(std::string_view reason);

  // Says that this rank begins a collective; any thread.
  void begin_call();

  // Says good-bye, once; rank 0 waits for the others'.
  void leave();

  // Waits for the reason why a collective broke, as long as the loss of a rank takes to be seen.
  // Nothing: no rank is lost.
  std::optional<run::Lost> verdict();

  // Returns words for a fault of the data's connection that is no rank's end, "" without one. It is
  // asked now and then; one that stays for longer than a heartbeat's limit fails this rank. Null
  // ends the asking.
  using Fault = std::string();
  void look_at(std::function<Fault> fault);

 private:
  struct State;
  static void exchange(const std::shared_ptr<State>& state);
  static void guard(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread exchange_, guard_;
};

}  // namespace strata::torch
