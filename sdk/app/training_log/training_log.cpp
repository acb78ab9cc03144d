#include "app/training_log/training_log.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"

namespace strata::training_log {

TrainingLog::TrainingLog(Outputs outputs, std::optional<int64_t> resumed, Warn warn)
    : outputs_(std::move(outputs)), warn_(std::move(warn)) {
  if (!outputs_.jsonl.empty()) {
    jsonl_.emplace(outputs_.jsonl, resumed);
    records_ = jsonl_->kept();
  }
  if (!outputs_.tensorboard.empty()) events_.emplace(outputs_.tensorboard, resumed);
}

template <class Log, class Record>
void TrainingLog::write(std::optional<Log>& log, const Record& record) {
  if (!log) return;
  try {
    log->add(record);
  } catch (const Error& error) {
    if (!warn_) throw;
    log.reset();
    warn_(std::string(error.what()) + "; this log ends here, and training goes on");
  }
}

void TrainingLog::add(const StepRecord& step) {
  write(jsonl_, step);
  write(events_, step);
  records_.steps.push_back(step);
}

void TrainingLog::add(const ValidationRecord& validation) {
  const auto same = [&](const auto& earlier) { return earlier.step == validation.step; };
  if (jsonl_ && std::ranges::any_of(jsonl_->kept().validations, same)) return;
  write(jsonl_, validation);
  write(events_, validation);
  records_.validations.push_back(validation);
}

void TrainingLog::write_page(Page page) const {
  if (outputs_.html.empty()) return;
  page.steps = records_.steps;
  page.validations = records_.validations;
  training_log::write_page(outputs_.html, page);
}

}  // namespace strata::training_log
