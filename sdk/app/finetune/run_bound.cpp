#include "app/finetune/run_bound.hpp"

#include "app/finetune/step_work.hpp"
#include "app/training_log/number_text.hpp"

namespace strata::app {
namespace {

training_log::StepRates step_rates(const std::string& machine, bool cuda) {
  const auto at = machine.empty() ? assumed_rates(cuda) : read_rates(machine, cuda);
  return {.flops = at.compute,
          .to_device = at.link,
          .to_host = at.link_to_host,
          .disk_read = at.disk,
          .disk_write = at.disk_write,
          .device_memory = at.memory,
          .host_memory = at.host_memory};
}

double most_tokens(const train::TrainingRequest& request) {
  return static_cast<double>(request.tokens) * request.micro_batches;
}

// A rank has its part of a step's work, and the bound is that of each. The words begin with
// `before`.
std::string of_each(const char* before, const train::TrainingRequest& request) {
  return request.ranks > 1 ? before + std::to_string(request.ranks) + " ranks" : "";
}

}  // namespace

RunBound::RunBound(const FinetuneOptions& options, bool cuda)
    : assumed_(options.machine.empty()), rates_(step_rates(options.machine, cuda)) {}

training_log::StepBound RunBound::of(const train::Training& training, double tokens) const {
  const auto& request = training.request();
  return training_log::step_bound(
      step_work(training.plan(), request, tokens, !request.early_updates), rates_);
}

training_log::StepBound RunBound::of_timed(const train::Training& training,
                                           const training_log::StepTimes& times) const {
  const auto& request = training.request();
  return of(training,
            times.mean_seconds() > 0 ? times.mean_tokens() / request.ranks : most_tokens(request));
}

std::string RunBound::planned(const train::Training& training) const {
  const auto tokens = most_tokens(training.request());
  return "bound of a step of " + training_log::fixed(tokens, 0) + " tokens" +
         of_each(" on each of ", training.request()) + ": " +
         training_log::parts_text(of(training, tokens)) +
         (assumed_ ? "; by assumed rates, --machine FILE gives others" : "");
}

std::string RunBound::measured(const train::Training& training,
                               const training_log::StepTimes& times) const {
  if (!(times.mean_seconds() > 0)) return {};
  return training_log::bound_text(of_timed(training, times), times.mean_seconds()) +
         of_each(", of the part of each of ", training.request()) +
         (assumed_ ? ", by assumed rates" : "");
}

OrderedJson RunBound::json(const train::Training& training,
                           const training_log::StepTimes& times) const {
  const auto bound = of_timed(training, times);
  OrderedJson out;
  out["seconds"] = bound.seconds;
  out["by"] = training_log::name_of(bound.by);
  out["forward_s"] = bound.forward;
  out["backward_s"] = bound.backward;
  out["update_s"] = bound.update;
  out["rates"] = assumed_ ? "assumed" : "measured";
  if (times.mean_seconds() > 0) {
    out["step_s"] = times.mean_seconds();
    out["share"] = bound.seconds / times.mean_seconds();
  }
  return out;
}

}  // namespace strata::app
