// All that is written about a training run while it lasts and when it ends.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "app/training_log/event_file.hpp"
#include "app/training_log/jsonl_log.hpp"
#include "app/training_log/page.hpp"

namespace strata::training_log {

// Where to write; what is empty is not written.
struct Outputs {
  std::string jsonl;        // --log FILE
  std::string tensorboard;  // --tensorboard DIR
  std::string html;         // --html FILE
};

// Used by one thread.
class TrainingLog {
 public:
  using Warn = std::function<void(const std::string& words)>;

  // `resumed` is the step behind which an earlier run continues. Throws as JsonlLog and EventFile
  // do, before anything is trained. A log that cannot be written later, as on a full disk, ends
  // there: `warn` is told so once, and the run is not lost for it. Without `warn`, add throws.
  explicit TrainingLog(Outputs outputs, std::optional<int64_t> resumed = {}, Warn warn = {});

  void add(const StepRecord& step);
  // A continued run leaves out a validation that its JSON log already has.
  void add(const ValidationRecord& validation);

  // The records of this run and, of a continued one, those that its JSON log kept.
  const Records& records() const { return records_; }

  // Writes the page with these records in place of its own; again at any time.
  void write_page(Page page) const;

 private:
  template <class Log, class Record>
  void write(std::optional<Log>& log, const Record& record);

  Outputs outputs_;
  Warn warn_;
  std::optional<JsonlLog> jsonl_;
  std::optional<EventFile> events_;
  Records records_;
};

}  // namespace strata::training_log
