#include "app/training_log/training_log.hpp"

#include <algorithm>
#include <utility>

namespace strata::training_log {

TrainingLog::TrainingLog(Outputs outputs, std::optional<int64_t> resumed)
    : outputs_(std::move(outputs)) {
  if (!outputs_.jsonl.empty()) {
    jsonl_.emplace(outputs_.jsonl, resumed);
    records_ = jsonl_->kept();
  }
  if (!outputs_.tensorboard.empty()) events_.emplace(outputs_.tensorboard, resumed);
}

void TrainingLog::add(const StepRecord& step) {
  if (jsonl_) jsonl_->add(step);
  if (events_) events_->add(step);
  records_.steps.push_back(step);
}

void TrainingLog::add(const ValidationRecord& validation) {
  const auto same = [&](const auto& earlier) { return earlier.step == validation.step; };
  if (jsonl_ && std::ranges::any_of(jsonl_->kept().validations, same)) return;
  if (jsonl_) jsonl_->add(validation);
  if (events_) events_->add(validation);
  records_.validations.push_back(validation);
}

void TrainingLog::write_page(Page page) const {
  if (outputs_.html.empty()) return;
  page.steps = records_.steps;
  page.validations = records_.validations;
  training_log::write_page(outputs_.html, page);
}

}  // namespace strata::training_log
