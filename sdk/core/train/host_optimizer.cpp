#include "core/train/host_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/optim/cast.hpp"
#include "core/optim/gradient.hpp"

namespace strata::train {
namespace {

constexpr uint64_t grain = 1u << 16;  // elements that a thread takes at a time
constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};

}  // namespace

HostOptimizer::HostOptimizer(const TrainingPlan& plan, const TrainingRequest& request,
                             const HostUnits& units, const OptimizerSettings& settings,
                             optim::Workers& workers, device::Collective* collective)
    : plan_(plan), reduce_(request.reduce), rule_(request.rule),
      micro_batches_(request.micro_batches), early_(request.early_updates), ranks_(request.ranks),
      tokens_(static_cast<uint64_t>(request.tokens)), collective_(collective), units_(units),
      settings_(settings), workers_(workers), totals_(plan.units.size()),
      kernels_(host_kernels(workers)), weight_update_(request.rule, workers) {
  if (request.early_updates && settings.clip > 0)
    throw Error("training", "updates that are clipped wait for all gradients",
                "this is a mistake in Strata");
  for (std::size_t u = 0; u < plan.flats.size(); ++u)
    for (const auto& piece : plan.flats[u].pieces)
      weight_update_.reserve(plan.units[u].weights[piece.weight].shape);
  first_expert_ = static_cast<uint32_t>(plan.step.uses.size());
  for (uint32_t u = 0; u < plan.units.size(); ++u)
    squares_.emplace_back(optim::square_blocks(plan.share(u).count));
  for (uint32_t i = 0; i < plan.step.uses.size(); ++i) {
    const auto& use = plan.step.uses[i];
    if (use.kind == zero::Use::Kind::rerun && use.gradient != zero::no_object) last_ = i;
    if (use.kind == zero::Use::Kind::norm) last_ = zero::no_object;
  }
  next_update_.assign(plan.units.size(), no_unit);
  auto before = no_unit;
  for (const auto& use : plan.step.uses) {
    if (use.kind != zero::Use::Kind::update || use.on_device) continue;
    if (before != no_unit) next_update_[before] = use.unit;
    before = use.unit;
  }
}

void HostOptimizer::begin(const StepNumbers& numbers, std::vector<std::span<const int32_t>> ids) {
  auto& step = context(++steps_ % 2);
  step = {};
  step.step = steps_;
  step.numbers = numbers;
  step.ids = std::move(ids);
  step.chosen.assign(units_.size(), false);
}

void HostOptimizer::work(uint32_t item) {
  auto& step = context(item % 2);
  if (item / 2 >= first_expert_) {
    const auto which = item / 2 - first_expert_;
    return reduce_expert(which / (expert_stagings + 1), which % (expert_stagings + 1), step);
  }
  const auto& use = plan_.step.uses[item / 2];
  if (use.kind == zero::Use::Kind::update) return update(use.unit, step);
  if (use.kind == zero::Use::Kind::norm) return finish_with_device(step);
  reduce(use, step);
  if (item / 2 == last_) finish_gradients(step);
}

void HostOptimizer::reduce(const zero::Use& use, Context& step) {
  const auto& flat = plan_.flats[use.unit];
  // Whether the step has that micro-batch.
  const bool there = use.micro_batch * ranks_ < step.ids.size();
  if (use.staging != zero::no_object && there)
    kernels_->accumulate(sum_of(use.unit), reduce_, units_.arrival(use),
                         units_[use.unit].share.count, use.micro_batch == 0);
  if (flat.row_width > 0 && there) add_rows(use, step);
  if (use.micro_batch + 1 < micro_batches_) return;
  // The table's gradient is whole when the rows of the embedding are added.
  if (use.unit != plan_.table_unit) square(use.unit, step);
  square_experts(use.unit, step);
  if (flat.row_width > 0 && plan_.table_unit != no_table) square(plan_.table_unit, step);
}

// Adds the gradients of looked-up rows to the table's, in the order of ranks and tokens.
void HostOptimizer::add_rows(const zero::Use& use, Context& step) {
  const auto& flat = plan_.flats[use.unit];
  const auto& table = plan_.flats[plan_.table_unit];
  const auto& share = units_[plan_.table_unit].share;
  const auto width = flat.row_width;
  auto* to = sum_of(plan_.table_unit);
  if (!plan_.tied && use.micro_batch == 0)
    workers_.run(share.count, grain, [&](uint64_t first, uint64_t count) {
      std::memset(to + first, 0, count * sizeof(float));
    });
  const auto* piece = piece_of(table, plan_.table_weight);
  const auto* all = units_.arrival(use) + flat.all_rows * element_bytes(reduce_);
  // Each thread has columns of its own, so that no two add to the same number.
  constexpr uint64_t columns = 64;
  workers_.run(width, columns, [&](uint64_t first, uint64_t count) {
    for (uint32_t rank = 0; rank < ranks_; ++rank) {
      const auto& ids = step.ids[use.micro_batch * ranks_ + rank];
      const auto* rows = all + rank * tokens_ * width * element_bytes(reduce_);
      for (std::size_t t = 0; t < ids.size(); ++t) {
        // Elements of the table, of which some may be another rank's.
        const auto row = piece->first + static_cast<uint64_t>(ids[t]) * width;
        const auto begin = std::max(row + first, share.first);
        const auto end = std::min(row + first + count, share.first + share.count);
        if (begin < end)
          optim::add(to + (begin - share.first), reduce_,
                     rows + (t * width + (begin - row)) * element_bytes(reduce_), 0, end - begin);
      }
    }
  });
}

void HostOptimizer::reduce_expert(uint32_t unit, uint32_t staging, Context& step) {
  const bool first = !step.chosen[unit];
  step.chosen[unit] = true;
  if (staging == no_staging) return;
  kernels_->accumulate(sum_of(unit), reduce_, units_.expert_staging(staging),
                       units_[unit].share.count, first);
}

// Takes the squares of a layer's experts, whose gradients are whole when the layer's is.
void HostOptimizer::square_experts(uint32_t layer, Context& step) {
  for (auto u = layer + 1; u < plan_.units.size() && plan_.units[u].is_expert(); ++u) {
    if (step.chosen[u])
      square(u, step);
    else
      totals_[u] = 0;
  }
}

// Takes the squares of a whole gradient. No update behind one that is not finite is made.
void HostOptimizer::square(uint32_t unit, Context& step) {
  auto& partials = squares_[unit];
  const auto& held = units_[unit];
  kernels_->square(held.gradient_dtype, held.gradient, held.share.count, partials.data());
  totals_[unit] = optim::total(partials);
  if (early_ && !held.share.whole) sum_over_ranks({&totals_[unit], 1});
  if (!std::isfinite(totals_[unit])) step.gradients.finite = false;
}

void HostOptimizer::sum_over_ranks(std::span<double> values) {
  if (collective_ && !values.empty())
    collective_->all_reduce(values.data(), static_cast<uint32_t>(values.size()));
}

// Adds the ranks' parts of each unit before the units, which are added in their order: which units
// are cut has no say in the order.
double HostOptimizer::all_squares() {
  std::vector<double> cut;
  if (!early_)
    for (uint32_t u = 0; u < units_.size(); ++u)
      if (!units_[u].share.whole) cut.push_back(totals_[u]);
  sum_over_ranks(cut);
  double all = 0;
  auto part = cut.begin();
  for (uint32_t u = 0; u < units_.size(); ++u)
    all += early_ || units_[u].share.whole ? totals_[u] : *part++;
  return all;
}

void HostOptimizer::finish_gradients(Context& step) {
  const auto all = all_squares();
  step.gradients.norm = std::sqrt(all) / step.numbers.loss_scale;
  step.gradients.finite = std::isfinite(all);
  if (!step.gradients.finite) step.gradients.updated = step.updated;
}

// The device's updates all wait for this, so that a snapshot holds them back here.
void HostOptimizer::finish_with_device(Context& step) {
  auto& device = *units_.device_states();
  for (uint32_t u = 0; u < units_.size(); ++u) {
    if (!device.has(u)) continue;
    totals_[u] = optim::total(device.squares(u));
    square_experts(u, step);
  }
  finish_gradients(step);
  if (step.gradients.finite && !step.ready) make_ready(step);
  for (uint32_t u = 0; u < units_.size(); ++u)
    if (device.has(u)) hold_.wait(u, step.step);
  device.numbers() = {
      .decayed = step.decayed, .plain = step.plain, .finite = step.gradients.finite ? 1U : 0U};
}

void HostOptimizer::make_ready(Context& step) {
  step.ready = true;
  ++updates_;
  optim::AdamSettings settings{
      .rate = step.numbers.rate,
      .beta1 = settings_.beta1,
      .beta2 = settings_.beta2,
      .eps = settings_.eps,
      .weight_decay = settings_.weight_decay,
      .decoupled = settings_.decoupled,
      .factor = optim::clip_factor(step.gradients.norm, settings_.clip) / step.numbers.loss_scale};
  step.decayed = optim::adam_step(settings, updates_);
  settings.weight_decay = 0;
  step.plain = optim::adam_step(settings, updates_);
  step.adafactor = {
      .rate = step.numbers.rate, .weight_decay = settings_.weight_decay, .factor = settings.factor};
}

// Calls f(piece, first, count, copy) for ranges [first, first + count) of the flat array that lie
// in one piece, in the bucket, and in one part of the weights' memory, where `copy` is their run
// form; null where the master weights are it.
template <class F>
void HostOptimizer::each_part(uint32_t index, const Bucket& bucket, const F& f) {
  for (const auto& piece : plan_.flats[index].pieces) {
    auto first = std::max(piece.first, bucket.first);
    const auto end = std::min(piece.first + piece.count, bucket.first + bucket.count);
    if (first >= end) continue;
    if (!units_[index].own_master) {
      f(piece, first, end - first, static_cast<std::byte*>(nullptr));
      continue;
    }
    const auto& run = plan_.units[index].weights[piece.weight].run;
    const auto width = element_bytes(run.dtype());
    while (first < end) {
      const auto copy =
          units_.weights(index, run.at + (first - piece.first) * width, (end - first) * width);
      const auto count = copy.size() / width;
      f(piece, first, count, copy.data());
      first += count;
    }
  }
}

optim::Bf16Weights HostOptimizer::bf16_weights(uint32_t index, const Piece& piece,
                                               uint64_t first) const {
  const auto& unit = units_[index];
  if (!unit.bf16) return {};
  const auto at =
      plan_.units[index].weights[piece.weight].run.at + (first - piece.first) * sizeof(uint16_t);
  return {.values = reinterpret_cast<uint16_t*>(unit.weights + (at - unit.share.from)),
          .key = optim::rounding_key(settings_.seed, updates_, index),
          .first = first};
}

void HostOptimizer::copy_weights(uint32_t index) {
  if (units_.on_device(index)) return units_.device_states()->fill_weights(index);
  if (!units_[index].own_master) return;
  units_.begin_weights(index);
  units_.masters(index, [&](const Bucket& bucket) {
    each_part(index, bucket,
              [&](const Piece& piece, uint64_t begin, uint64_t all, std::byte* copy) {
                const auto dtype = plan_.units[index].weights[piece.weight].run.dtype();
                const auto* from = bucket.master + (begin - bucket.first);
                workers_.run(all, grain, [&](uint64_t first, uint64_t count) {
                  optim::cast(dtype, copy, f32, from, first, count);
                });
              });
  });
  units_.end_weights(index);
}

void HostOptimizer::update(uint32_t index, Context& step) {
  if (!step.gradients.finite || plan_.flats[index].elements == 0) return;
  if (!step.ready) make_ready(step);
  ++step.updated;
  hold_.wait(index, step.step);
  if (rule_ != Rule::adam) return update_weights(index, step);
  // The gradient of an expert that no token has chosen is zero, and its memory an earlier step's.
  const bool zero = plan_.units[index].is_expert() && !step.chosen[index];
  units_.begin_weights(index);
  units_.update(index, next_update_[index], [&](const Bucket& bucket) {
    each_part(index, bucket,
              [&](const Piece& piece, uint64_t begin, uint64_t all, std::byte* copy) {
                const auto at = begin - bucket.first;
                const auto held = bf16_weights(index, piece, begin);
                const optim::AdamArrays arrays{
                    .gradient_dtype = units_[index].gradient_dtype,
                    .gradient = zero ? nullptr : gradient_of(index, begin),
                    .master = held.values ? nullptr : bucket.master + at,
                    .moment1 = bucket.moment1 + at,
                    .moment2 = bucket.moment2 + at,
                    .copy_dtype = plan_.units[index].weights[piece.weight].run.dtype(),
                    .copy = copy};
                const auto& how = piece.matrix ? step.decayed : step.plain;
                workers_.run(all, grain, [&](uint64_t first, uint64_t count) {
                  optim::adam(how, arrays, held, first, count);
                });
              });
  });
  units_.end_weights(index);
}

// The update by another rule than Rule::adam.
void HostOptimizer::update_weights(uint32_t index, const Context& step) {
  const auto& unit = units_[index];
  const auto& flat = plan_.flats[index];
  const bool zero = plan_.units[index].is_expert() && !step.chosen[index];
  const bool copies = unit.own_master && !units_.route(index);  // others are written behind it
  for (std::size_t p = 0; p < flat.pieces.size(); ++p) {
    const auto& piece = flat.pieces[p];
    const auto& weight = plan_.units[index].weights[piece.weight];
    WeightStep how{.adam = piece.matrix ? step.decayed : step.plain,
                   .adafactor = step.adafactor,
                   .number = updates_};
    if (!piece.matrix) how.adafactor.weight_decay = 0;
    const auto held = bf16_weights(index, piece, piece.first);
    weight_update_.run(how, weight.shape, unit.layout.pieces[p], unit.states,
                       {.gradient_dtype = unit.gradient_dtype,
                        .gradient = zero ? nullptr : gradient_of(index, piece.first),
                        .master = held.values ? nullptr : unit.master + piece.first,
                        .copy_dtype = weight.run.dtype(),
                        .copy = copies ? unit.weights + weight.run.at : nullptr},
                       held);
  }
  if (units_.route(index)) copy_weights(index);
}

}  // namespace strata::train
