// The checkpoints of one run: when they are written, which are kept, and what a run that continues
// takes from one.
#pragma once
#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "app/finetune/checkpoint.hpp"
#include "app/finetune_options.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// Removes what killed runs left half-written in the output, and refuses one that holds anything
// else, unless the options continue a run. Does not create it.
void check_output(const FinetuneOptions& options);

// The checkpoint that the options name; none for a new run. Refuses one that is not the newest of
// the output that it lies in, since the run would write the later ones again.
struct Resumed {
  std::string path;
  SavedState state;
};
std::optional<Resumed> find_resumed(const FinetuneOptions& options);

// Used on the thread that trains. Checkpoints are written on a thread of their own; its failures
// are thrown by the calls of this class. The destructor waits for it.
class Checkpoints {
 public:
  // `common` is an object of everything that a run that continues must have in common.
  Checkpoints(const FinetuneOptions& options, train::Training& training, Json common);

  // Sets weights, moments and updates to those of the checkpoint.
  void restore(const Resumed& from);
  // Whether one is due behind the finished step, of a run that ends behind `last`.
  bool due(std::uint64_t step, std::uint64_t last) const;
  // Begins to write one of the last step, if none of it is there, and to remove the oldest ones
  // that are not kept. Waits for the one before; training may go on.
  void begin(const RunState& run);
  // Throws the failure of the one that was begun, if it is known by now.
  void check();
  // Waits until the one that was begun is there.
  void finish();
  // The path of the newest one in the output; empty if it has none.
  std::string newest() const;

 private:
  std::vector<StateFile> files() const;
  void write(const RunState& run, train::Snapshot& snapshot) const;

  const FinetuneOptions& options_;
  train::Training& training_;
  Json common_;
  std::future<void> writing_;  // last: it uses the others
};

}  // namespace strata::app
