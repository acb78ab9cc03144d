// The log of a run as JSON lines: an object for each step and each validation.
#pragma once
#include <optional>
#include <string>

#include "app/training_log/append_file.hpp"
#include "app/training_log/records.hpp"

namespace strata::training_log {

// Every line is in the kernel's hands when `add` returns. Its "kind" is "step" or "validation"; the
// rest is json_of the record.
class JsonlLog {
 public:
  // A new run's log refuses a file that has content. The log of a run that continues behind the
  // step `resumed` keeps the lines up to that step and cuts off the later ones, with a last line
  // that was not written to its end; the file stays whole meanwhile. Throws Error for a file that
  // is no such log.
  explicit JsonlLog(const std::string& path, std::optional<int64_t> resumed = {});

  // The records of the lines that were kept.
  const Records& kept() const { return kept_; }

  void add(const StepRecord& step);
  void add(const ValidationRecord& validation);

 private:
  Records kept_;
  AppendFile file_;
};

}  // namespace strata::training_log
