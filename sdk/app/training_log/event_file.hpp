// A file of scalars that TensorBoard shows: TFRecords of Event messages.
#pragma once
#include <optional>
#include <string>

#include "app/training_log/append_file.hpp"
#include "app/training_log/records.hpp"

namespace strata::training_log {

// Each record is in the kernel's hands when `add` returns. A step gives train/loss, train/lr,
// train/grad_norm and train/tokens_per_second, with mixture layers train/router_loss; a validation
// gives eval/loss.
class EventFile {
 public:
  // Makes the folder where it is missing, and in it a new file
  // "events.out.tfevents.<seconds>.<host>.<process>", which sorts behind those that are there. For
  // a run that continues behind the step `resumed` it tells TensorBoard to drop what earlier files
  // of the folder have beyond it. Throws Error if the disk refuses.
  explicit EventFile(const std::string& folder, std::optional<int64_t> resumed = {});

  void add(const StepRecord& step);
  void add(const ValidationRecord& validation);

 private:
  AppendFile file_;
};

}  // namespace strata::training_log
