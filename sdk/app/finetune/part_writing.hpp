// Several ranks write a checkpoint here, each on a thread of its own, while all of them train.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "app/finetune/shared_checkpoint.hpp"
#include "core/run/group.hpp"

namespace strata::app {

// It is used on the thread that trains. All ranks make the same calls in the same order, but for
// check(). Failures of the writing are thrown by the calls; then the ranks' group is over. The
// destructor waits for this rank's thread, and what has not appeared is removed.
class PartWriting {
 public:
  // Adds numbers up over all ranks.
  using Sum = std::function<void(std::span<double>)>;
  // Writes this rank's part in the folder; it is called once and destroyed behind that, on a thread
  // of its own.
  using Write = std::function<void(const std::string& folder, const PartNumber& rank)>;

  // The group outlives this.
  PartWriting(run::Group& group, Sum sum) : group_(group), sum_(std::move(sum)) {}

  PartNumber rank() const { return {.rank = group_.ranks().rank, .ranks = group_.ranks().ranks}; }
  // Begins one, if none is under way. `path_of` gives its path on rank 0; if that is empty, all
  // ranks leave it. `make` gives what writes it.
  void begin(const RunState& run, const std::function<std::string()>& path_of,
             const std::function<Write()>& make);
  // Throws this rank's failure, if it is known by now.
  void check();
  // Returns 1 if this rank has nothing to write or has written it, else 0.
  double written() const { return !under_way_ || written_ ? 1 : 0; }
  // It is called when the sum of the ranks' written() is their number. Lets the one that is under
  // way appear, with `common` in it, which outlives this, and calls `then`, both on a thread of
  // rank 0. It does nothing if none is under way.
  void commit(const Json& common, const std::function<void()>& then);
  // Waits until all parts of the one that is under way are written, and commits it.
  void finish(const Json& common, const std::function<void()>& then);

 private:
  run::Group& group_;
  Sum sum_;
  RunState run_;                              // of the one under way
  bool under_way_ = false;                    // not all ranks know that all parts are written
  std::atomic<bool> written_{false};          // this rank's part is
  std::unique_ptr<SharedCheckpoint> shared_;  // it, on rank 0
  std::future<void> writing_;                 // last: it uses the others
};

}  // namespace strata::app
