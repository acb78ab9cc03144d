#include "app/finetune/run.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>

#include "app/finetune/alive.hpp"
#include "app/training_log/progress_line.hpp"
#include "app/training_log/script_line.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

using Clock = std::chrono::steady_clock;

optim::Schedule schedule_of(const FinetuneOptions& options, std::uint64_t steps) {
  optim::Schedule out{.rate = options.lr, .steps = steps};
  out.warm_up = static_cast<std::uint64_t>(
      options.warmup < 1 ? std::ceil(options.warmup * static_cast<double>(steps)) : options.warmup);
  const auto& own = options.warmup_schedule;
  if (options.schedule == "linear") out.curve = optim::Curve::linear;
  if (options.schedule == "cosine") out.curve = optim::Curve::cosine;
  if (options.schedule.starts_with("Warmup")) {
    out.curve = options.schedule == "WarmupLR"        ? optim::Curve::warmup_lr
                : options.schedule == "WarmupDecayLR" ? optim::Curve::warmup_decay_lr
                                                      : optim::Curve::warmup_cosine_lr;
    if (own.num_steps > 0) out.warm_up = static_cast<std::uint64_t>(own.num_steps);
    if (own.total_steps > 0) out.steps = static_cast<std::uint64_t>(own.total_steps);
    out.warm_up_type = own.type == "log" ? optim::WarmUp::log : optim::WarmUp::linear;
    out.least = own.min_lr;
    if (own.max_lr >= 0 && out.curve != optim::Curve::warmup_cosine_lr) out.rate = own.max_lr;
    out.least_ratio = own.min_ratio;
    out.end_ratio = own.cos_min_ratio;
  }
  return out;
}

optim::LossScaling scaling_of(const LossScaling& own) {
  return {.loss_scale = own.scale,
          .initial_scale_power = static_cast<int>(own.initial_power),
          .loss_scale_window = own.window,
          .hysteresis = static_cast<int>(own.hysteresis),
          .consecutive_hysteresis = own.consecutive_hysteresis,
          .min_loss_scale = static_cast<double>(own.min_scale)};
}

// The rows of a step are those of all ranks together.
data::BatchOptions step_options(const FinetuneOptions& options, std::uint32_t ranks) {
  auto out = batch_options(options);
  out.accumulation *= ranks;
  return out;
}

bool is_half(strata_dtype dtype) { return dtype.code == STRATA_FLOAT && dtype.bits == 16; }

// The sizes by which the script that others compare with counts its operations.
training_log::DenseShape shape_of(const train::Training& training) {
  double parameters = 0;
  for (const auto& unit : training.plan().units)
    for (const auto& weight : unit.weights)
      if (weight.is_held())
        parameters += std::accumulate(
            weight.shape.begin(), weight.shape.end(), 1.0,
            [](double product, int64_t size) { return product * static_cast<double>(size); });
  const int64_t none = 0;
  const auto layers = training.model().config->i64("num_hidden_layers|n_layer|num_layers", &none);
  return {.parameters = parameters,
          .layers = static_cast<double>(layers),
          .hidden = static_cast<double>(training.plan().hidden)};
}

}  // namespace

StepSize step_size(const TrainingData& data, const FinetuneOptions& options, std::uint32_t ranks) {
  // A batch has no more rows than there are, an epoch no more micro-batches.
  const auto training = static_cast<std::int64_t>(data.split.training.size());
  const auto validating = static_cast<std::int64_t>(
      std::max(data.split.validation.size(), data.validation.rows.size()));
  const auto rows = std::max<std::int64_t>({training, validating, 1});
  const auto batch = static_cast<std::uint32_t>(std::min(options.batch_size, rows));
  StepSize out{.longest = data.longest};
  if (options.packing) {
    // A packed row has max_length tokens at most, each sequence at least two.
    const auto length = std::max<std::int64_t>(options.max_length, data.longest);
    out.tokens = std::min(length * batch, data.longest * rows);
    out.sequences = static_cast<std::uint32_t>(std::max<std::int64_t>(1, out.tokens / 2));
  } else {
    out.sequences = data.has_pairs() ? 2 * batch : batch;
    out.tokens = data.longest * out.sequences;
  }
  const auto parts = (training + options.batch_size - 1) / options.batch_size;
  out.micro_batches = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      (parts + ranks - 1) / ranks, 1, options.gradient_accumulation_steps));
  return out;
}

TrainingRun::TrainingRun(const FinetuneOptions& options, const TrainingData& data,
                         train::Training& training, training_log::TrainingLog& log,
                         Checkpoints& checkpoints, const FinetuneEvents& events, run::Group* group)
    : options_(options), training_(training), log_(log), checkpoints_(checkpoints), events_(events),
      group_(group), batches_(data.batches(step_options(options, training.request().ranks))),
      schedule_(schedule_of(options, batches_.steps())), shape_(shape_of(training)),
      mixture_(training_log::is_mixture(training.model().config->root())),
      times_(options.warmup_steps, mixture_) {
  if (!data.split.validation.empty()) {
    auto once = batch_options(options);
    once.accumulation = 1;
    once.epochs = 1;
    once.max_steps = 0;
    once.shuffle = false;
    validation_.emplace(data.validation_batches(once));
  }
  if (is_half(training.request().dtype)) scaler_.emplace(scaling_of(options.loss_scaling));
}

double TrainingRun::rate(std::uint64_t index) const {
  return optim::learning_rate(schedule_, scaler_ ? updates_ : index);
}

std::uint64_t TrainingRun::last_step() const {
  const auto bench = static_cast<std::uint64_t>(options_.bench_steps);
  return bench > 0 ? std::min(bench, batches_.steps()) : batches_.steps();
}

bool TrainingRun::validates(std::uint64_t index) const {
  if (!validation_) return false;
  if (index + 1 == last_step()) return true;
  const auto every = static_cast<std::uint64_t>(options_.validate_every);
  return every > 0 ? (index + 1) % every == 0 : (index + 1) % batches_.steps_per_epoch() == 0;
}

RunState TrainingRun::state(std::uint64_t step) const {
  RunState out{.step = step, .updates = updates_, .scaler = {}, .unvalidated = unvalidated_};
  if (scaler_) out.scaler = scaler_->state();
  return out;
}

void TrainingRun::set(const RunState& state) {
  first_ = done_ = state.step;
  updates_ = state.updates;
  unvalidated_ = state.unvalidated;
  if (scaler_ && state.scaler) scaler_->set(*state.scaler);
}

RunEnd TrainingRun::run() {
  const bool finite = run_steps();
  const Alive alive(group_, done_);
  training_.finish();
  checkpoints_.finish();
  if (finite && events_.say) events_.say(times_.summary());
  if (finite && skipped() > 0 && events_.say) events_.say(skipped_words());
  return end_of(finite);
}

std::string TrainingRun::skipped_words() const {
  if (skipped() == 0) return "";
  return std::to_string(skipped()) + " of " + std::to_string(done_) +
         " steps were skipped: a loss or gradient was no number";
}

RunEnd TrainingRun::end_of(bool finite) const {
  if (!finite) return RunEnd::no_number;
  if (done_ < last_step()) return RunEnd::asked;
  if (done_ > 0 && updates_ == 0) return RunEnd::untrained;
  return invalid_ ? RunEnd::invalid : RunEnd::trained;
}

bool TrainingRun::run_steps() {
  // The earlier run was asked to end before it had validated.
  if (unvalidated_) {
    validate();
    if (ends_) save();
  }
  for (auto index = done_; index < last_step() && !ends_; ++index) {
    checkpoints_.check();
    if (!step(index)) {
      done_ = index;
      // The step changed no weight; otherwise there is nothing to save.
      if (partly_.empty()) save();
      return false;
    }
    unvalidated_ = validates(index);
    if (unvalidated_ && !ends_) validate();
    // Weights that cannot be validated are no result, but what they were trained for is kept.
    const bool kept_alone = invalid_ && updates_ > 0 && done_ == last_step();
    if (ends_ || kept_alone || checkpoints_.due(done_, last_step())) save();
  }
  return true;
}

// Begins to save the finished steps, once the checkpoint before is written.
void TrainingRun::save() {
  const Alive alive(group_, done_);
  checkpoints_.begin(state(done_));
}

void TrainingRun::agree(std::uint64_t* first, std::uint64_t* second) {
  std::array<double, 4> sums{events_.stop && events_.stop() ? 1.0 : 0.0, checkpoints_.written()};
  if (first) sums[2] = static_cast<double>(*first);
  if (second) sums[3] = static_cast<double>(*second);
  training_.sum(sums);
  ends_ = ends_ || sums[0] > 0;
  if (sums[1] == training_.request().ranks) checkpoints_.commit();
  if (first) *first = static_cast<std::uint64_t>(sums[2]);
  if (second) *second = static_cast<std::uint64_t>(sums[3]);
}

TrainingRun::StepData TrainingRun::data_of(std::uint64_t index) {
  StepData out;
  for (std::uint32_t m = 0; m < batches_.micro_batches(index); ++m)
    out.tokens.push_back(batches_.micro_batch(index, m));
  const auto& request = training_.request();
  out.batches = split_over_ranks(out.tokens, request.rank, request.ranks);
  return out;
}

bool TrainingRun::step(std::uint64_t index) {
  const auto begin = Clock::now();
  const auto before = training_.moved();
  const auto weight = batches_.weight(index);
  auto data = data_of(index);
  training_log::StepRecord record{.step = static_cast<int64_t>(index + 1),
                                  .total = static_cast<int64_t>(batches_.steps())};
  for (const auto& one : data.tokens) {
    record.tokens += one.ids.size();
    record.scored += one.scored;
  }
  record.loss_scale = scaler_ ? scaler_->scale() : 1;
  record.lr = rate(index);
  const train::StepSettings settings{.seed = static_cast<std::uint64_t>(options_.seed),
                                     .step = index,
                                     .scale = 1 / weight,
                                     .label_smoothing = options_.label_smoothing,
                                     .loss_scale = record.loss_scale,
                                     .router_share = 1.0 / static_cast<double>(data.tokens.size())};
  const auto result =
      training_.step(data.batches.own, settings,
                     {.rate = record.lr, .loss_scale = record.loss_scale}, data.batches.all_ids);
  held_ = std::move(data);  // what it lends stays where it is
  ++done_;
  record.epoch = static_cast<double>(index + 1) / static_cast<double>(batches_.steps_per_epoch());
  record.router_loss = result.loss.routers;
  record.loss = result.loss.tokens + result.loss.routers;
  if (!held_.tokens.front().pairs.empty())
    record.accuracy = static_cast<double>(result.loss.right) / weight;
  record.grad_norm = result.gradient_norm;
  record.skipped = !result.finite;
  partly_.clear();
  if (result.updated > 0) {
    record.updated_units = result.updated;
    partly_ = std::to_string(result.updated) + " of " + std::to_string(result.units) +
              " units were updated before it";
    if (events_.say)
      events_.say("step " + std::to_string(index + 1) + ": a gradient is no number; " + partly_);
  }
  const bool number = std::isfinite(record.loss) && result.finite;
  const bool goes_on = number || scaler_ || options_.on_nan == "skip";
  if (!number && goes_on && partly_.empty() && events_.say)
    events_.say("step " + std::to_string(index + 1) +
                ": a loss or gradient is no number; the step changed no weight");
  if (result.finite || result.updated > 0) ++updates_;
  if (scaler_) scaler_->follow(!result.finite);
  const auto after = training_.moved();
  record.moved_to_device = after.to_device - before.to_device;
  record.moved_to_host = after.to_host - before.to_host;
  agree(&record.moved_to_device, &record.moved_to_host);
  record.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  seconds_ += record.seconds;
  record.eta_seconds = seconds_ / static_cast<double>(done_ - first_) *
                       static_cast<double>(last_step() - std::min(last_step(), done_));
  for (const auto& one : held_.tokens)
    for (const auto& sequence : one.sequences)
      record.flops += training_log::flops_of_sequence(shape_, sequence.count,
                                                      options_.activation_checkpointing);
  log_.add(record);
  if (events_.step) events_.step(record);
  times_.add(record);
  since_line_ += record.loss;
  if (++unsaid_ >= options_.log_interval || index + 1 == last_step()) {
    if (events_.say)
      events_.say(
          training_log::script_line(record, since_line_ / static_cast<double>(unsaid_), mixture_));
    since_line_ = 0;
    unsaid_ = 0;
  }
  if (events_.progress) events_.progress(training_log::progress_line(record));
  return goes_on;
}

void TrainingRun::validate() {
  if (!validation_) return;
  const auto begin = Clock::now();
  training_log::ValidationRecord record{.step = static_cast<int64_t>(done_)};
  double sum = 0, weights = 0;
  int64_t right = 0;
  bool pairs = false;
  const auto& request = training_.request();
  for (std::uint64_t s = 0; s < validation_->steps(); s += request.ranks) {
    std::vector<data::MicroBatchTokens> tokens;  // of each rank
    for (auto one = s; one < std::min(s + request.ranks, validation_->steps()); ++one)
      tokens.push_back(validation_->micro_batch(one, 0));
    const auto own = split_over_ranks(tokens, request.rank, request.ranks).own;
    const auto loss = training_.score(own.front(), {.scale = 1, .training = false});
    sum += loss.tokens;
    right += loss.right;
    for (const auto& one : tokens) {
      pairs = pairs || !one.pairs.empty();
      weights += one.weight;
      record.tokens += one.scored;
    }
    agree();
    if (ends_ && s + request.ranks < validation_->steps()) return;
  }
  unvalidated_ = false;
  record.loss = sum / weights;
  invalid_ = !std::isfinite(record.loss);
  if (pairs) record.accuracy = static_cast<double>(right) / weights;
  record.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  log_.add(record);
  if (events_.say)
    events_.say("validation loss " + std::to_string(record.loss) +
                (pairs ? ", accuracy " + std::to_string(*record.accuracy) : ""));
}

}  // namespace strata::app
