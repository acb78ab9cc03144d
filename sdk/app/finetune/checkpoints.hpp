// The checkpoints of one run: when they are written, which are kept, and what a run that continues
// takes from one.
#pragma once
#include <cstdint>
#include <future>
#include <optional>
#include <string>

#include "app/finetune/checkpoint.hpp"
#include "app/finetune/part_writing.hpp"
#include "app/finetune_options.hpp"
#include "core/run/group.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// Where a group is given, all of its ranks make the same calls in the same order; rank 0 alone
// looks at the folders and decides, and the others follow. With null, or a group of one
// rank, nobody is asked.

// Removes what killed runs left half-written in the output, and refuses one that holds anything
// else but a lock, unless the options continue a run. Does not create it.
void check_output(const FinetuneOptions& options, run::Group* group = nullptr);

// The checkpoint that the options name; none for a new run. Refuses one that is not the newest of
// the output that it lies in, since the run would write the later ones again.
struct Resumed {
  std::string path;
  SavedState state;
};
std::optional<Resumed> find_resumed(const FinetuneOptions& options, run::Group* group = nullptr);

// Used on the thread that trains. Checkpoints are written on a thread of their own; its failures
// are thrown by the calls of this class. The destructor waits for it.
//
// On several ranks each writes its own part, beside its own training; the checkpoint appears when
// all have. The ranks learn that behind a step: they add up their written(), and call commit() if
// all have. They end a run by finish().
class Checkpoints {
 public:
  // `common` is an object of everything that a run that continues must have in common. The group
  // outlives this.
  Checkpoints(const FinetuneOptions& options, train::Training& training, Json common,
              run::Group* group = nullptr);

  // Sets weights, moments and updates to those of the checkpoint.
  void restore(const Resumed& from);
  // Whether one is due behind the finished step, of a run that ends behind `last`.
  bool due(std::uint64_t step, std::uint64_t last) const;
  // Begins to write one of the last step, if none of it is there, and to remove the oldest ones
  // that are not kept. Waits for the one before; training may go on.
  void begin(const RunState& run);
  // Throws the failure of the one that was begun, if it is known by now.
  void check();
  // Returns 1 if this rank has nothing to write or has written it, else 0.
  double written() const { return parts_ ? parts_->written() : 1; }
  // Called by all ranks when the sum of their written() is their number: lets the one that was
  // begun appear. Does nothing if none is under way, and on one rank.
  void commit();
  // Waits until the one that was begun is there.
  void finish();
  // The path of the newest one in the output; empty if it has none.
  std::string newest() const;

 private:
  void begin_part(const RunState& run);
  bool is_there(std::uint64_t step) const;
  void write(const RunState& run, train::Snapshot& snapshot) const;
  void prune() const;

  const FinetuneOptions& options_;
  train::Training& training_;
  Json common_;
  run::Group* group_;  // null: one rank
  // These are the last members, since their threads use the others.
  std::future<void> writing_;         // on one rank
  std::optional<PartWriting> parts_;  // on several
};

}  // namespace strata::app
