#include "data/batches.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "data/order.hpp"

namespace strata::data {
namespace {

std::uint64_t parts(std::uint64_t count, std::uint64_t size) { return (count + size - 1) / size; }

void need(bool good, const char* who, const char* what, const char* remedy) {
  if (!good) throw UsageError(who, what, remedy);
}

void add_row(const TokenRows& rows, std::uint32_t number, MicroBatchTokens& batch) {
  const auto ids = rows.ids(number);
  const auto length = rows.length(number);
  const auto begin = batch.ids.size();
  batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
  batch.ids.resize(begin + length, rows.pad);
  batch.targets.resize(begin + length, -1);
  batch.weights.resize(begin + length, 0);
  const auto slot = static_cast<std::uint32_t>(batch.sequences.size());
  batch.sequences.push_back({slot, 0, length, length});
  batch.rows.push_back(number);
  for (const auto& run : rows.scored(number))
    for (auto at = begin + run.begin; at < begin + run.end; ++at) {
      // The token before predicts it.
      batch.targets[at - 1] = batch.ids[at];
      batch.weights[at - 1] = run.weight;
      batch.weight += static_cast<double>(run.weight);
      ++batch.scored;
    }
}

}  // namespace

MicroBatchTokens batch_of(const TokenRows& rows, const std::vector<std::uint32_t>& numbers) {
  MicroBatchTokens out;
  for (const auto number : numbers) add_row(rows, number, out);
  return out;
}

Batches::Batches(const TokenRows& rows, std::vector<std::uint32_t> chosen, BatchOptions options)
    : rows_(rows), chosen_(std::move(chosen)), options_(options) {
  need(options_.batch_size > 0, "--batch-size", "a micro-batch of 0 rows trains nothing",
       "give at least 1");
  need(options_.accumulation > 0, "--gradient-accumulation-steps",
       "a step of 0 micro-batches trains nothing", "give at least 1");
  need(std::isfinite(options_.epochs) && options_.epochs > 0, "--num-train-epochs",
       "no epoch trains nothing", "give a number above 0");
  need(!chosen_.empty(), "data", "there are no rows to train on", "give a file with rows");
  std::uint64_t used = 0;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    const auto length = rows_.length(chosen_[i]);
    const bool fits = options_.packing && used + length <= options_.max_length;
    if (i > 0 && !fits) ends_.push_back(i), used = 0;
    used += length;
  }
  ends_.push_back(chosen_.size());
}

Batches::Batches(const PairRows& pairs, std::vector<std::uint32_t> chosen, BatchOptions options)
    : Batches(*pairs.chosen, std::move(chosen), options) {
  pairs_ = pairs;
}

std::uint64_t Batches::packed_rows() const { return ends_.size(); }

std::uint64_t Batches::micro_batches_per_epoch() const {
  return parts(ends_.size(), options_.batch_size);
}

std::uint64_t Batches::steps_per_epoch() const {
  return parts(micro_batches_per_epoch(), options_.accumulation);
}

std::uint64_t Batches::steps() const {
  if (options_.max_steps > 0) return options_.max_steps;
  const auto steps = std::ceil(options_.epochs * static_cast<double>(steps_per_epoch()));
  return static_cast<std::uint64_t>(std::min(steps, 0x1p53));
}

std::uint32_t Batches::micro_batches(std::uint64_t step) const {
  const auto first = step % steps_per_epoch() * options_.accumulation;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(options_.accumulation, micro_batches_per_epoch() - first));
}

const std::vector<std::uint32_t>& Batches::order_of(std::uint64_t epoch) {
  if (epoch == epoch_ && !order_.empty()) return order_;
  const auto count = static_cast<std::uint32_t>(ends_.size());
  order_ = options_.shuffle ? shuffled(count, options_.seed, epoch) : unsplit(count).training;
  epoch_ = epoch;
  return order_;
}

std::vector<std::uint32_t> Batches::rows_of(std::uint64_t step, std::uint32_t index) {
  const auto& order = order_of(epoch_of(step));
  const auto batch = step % steps_per_epoch() * options_.accumulation + index;
  const auto begin = std::min<std::uint64_t>(batch * options_.batch_size, order.size());
  const auto end = std::min<std::uint64_t>(begin + options_.batch_size, order.size());
  std::vector<std::uint32_t> out;
  for (auto at = begin; at < end; ++at) {
    const auto packed = order[at];
    const auto first = packed == 0 ? 0 : ends_[packed - 1];
    for (auto i = first; i < ends_[packed]; ++i) out.push_back(chosen_[i]);
  }
  return out;
}

MicroBatchTokens Batches::micro_batch(std::uint64_t step, std::uint32_t index) {
  if (pairs_.chosen) return batch_of(pairs_, rows_of(step, index));
  return batch_of(rows_, rows_of(step, index));
}

double Batches::weight(std::uint64_t step) {
  double sum = 0;
  for (std::uint32_t index = 0; index < micro_batches(step); ++index)
    for (const auto row : rows_of(step, index))
      if (pairs_.chosen)
        sum += 1;
      else
        for (const auto& run : rows_.scored(row))
          sum += static_cast<double>(run.weight) * (run.end - run.begin);
  return sum;
}

}  // namespace strata::data
