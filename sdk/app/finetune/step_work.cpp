#include "app/finetune/step_work.hpp"

#include <strata/abi/model.h>

#include <algorithm>
#include <cmath>

#include "core/dtype.hpp"

namespace strata::app {
namespace {

using zero::Kind, zero::Object, zero::Use;

class Counted {
 public:
  Counted(const train::TrainingPlan& plan, const train::TrainingRequest& request, double tokens)
      : plan_(plan), request_(request),
        part_(
            std::min(1.0, tokens / (static_cast<double>(request.tokens) * request.micro_batches))),
        tokens_(static_cast<double>(request.tokens) * part_),
        gradient_element_(element_bytes(request.reduce)), each_(1.0 / request.ranks) {
    for (const auto& unit : plan.units)
      if (unit.is_expert()) ++experts_;
  }

  training_log::StepWork work() {
    for (const auto& action : plan_.step.pass) add(action);
    return out_;
  }

 private:
  void add(const zero::Action& action) {
    const auto& use = plan_.step.uses[action.use];
    const auto& object = plan_.step.objects[action.object];
    auto& phase = use.kind == Use::Kind::run ? out_.forward : out_.backward;
    const double moved =
        static_cast<double>(object.stored > 0 ? object.stored : object.run) * part_of(object);
    switch (action.kind) {
      case Kind::fetch:
        phase.to_device += moved;
        if (action.lane == zero::Lane::io) phase.read_from_disk += moved;
        return;
      case Kind::store:
        phase.to_host += moved;
        return;
      case Kind::reduce:
        if (use.on_device) return reduce_there(use.unit, use.micro_batch);
        return reduce(use.unit, use.micro_batch, use.staging != zero::no_object, 1);
      case Kind::run:
        return run(use, out_.forward, 1);
      case Kind::rerun:
        return rerun(use);
      case Kind::update:
        if (use.kind == Use::Kind::update) update(use);
        return;
      default:
        return;
    }
  }

  void run(const Use& use, training_log::PhaseWork& phase, double passes) {
    phase.flops += passes * plan_.flops[use.unit] * part_;
    phase.device_memory += passes * static_cast<double>(plan_.units[use.unit].run_bytes);
    // Experts that all have slots stay there until they are updated.
    const bool stay = experts_ <= plan_.experts.count;
    const bool first = use.kind == Use::Kind::run && use.micro_batch == 0;
    each_expert(use.unit, tokens_, [&](uint32_t unit, double chance) {
      phase.device_memory += passes * chance * static_cast<double>(plan_.units[unit].run_bytes);
    });
    if (stay && !first) return;
    each_expert(use.unit, tokens_of_all(), [&](uint32_t unit, double chance) {
      phase.to_device += chance * part(unit) * static_cast<double>(plan_.units[unit].run_bytes);
    });
  }

  // The unit is run again; the gradient of its input takes as much, and so does that of its
  // weights. With its graph only the experts of a mixture layer are run again, and the head, which
  // has no run of its own, is run.
  void rerun(const Use& use) {
    auto& phase = out_.backward;
    const bool trained = use.gradient != zero::no_object;
    const bool graph = plan_.keeps_graphs && plan_.top_k[use.unit] == 0 &&
                       plan_.units[use.unit].kind != STRATA_UNIT_HEAD;
    run(use, phase, graph ? 1 : 2);
    if (!trained) return;
    phase.flops += plan_.flops[use.unit] * part_;
    phase.device_memory += static_cast<double>(plan_.step.objects[use.gradient].run);
    each_expert(use.unit, tokens_of_all(), [&](uint32_t unit, double chance) {
      phase.to_host += part(unit) * chance * elements(unit) * gradient_element_;
      const bool same_dtype = same(request_.reduce, held_dtype(unit));
      reduce(unit, use.micro_batch, use.micro_batch > 0 || !same_dtype, chance);
    });
  }

  // The sum of gradients on the host, and its norm with the last micro-batch.
  void reduce(uint32_t unit, uint32_t micro_batch, bool staged, double chance) {
    const auto held = held_bytes(unit);
    double bytes = 0;
    if (staged) bytes += gradient_element_ + held;
    if (staged && micro_batch > 0) bytes += held;
    if (micro_batch + 1 == request_.micro_batches) bytes += held;
    out_.backward.host_memory += part(unit) * chance * bytes * elements(unit);
  }

  // The same on the device, of a unit whose states are there.
  void reduce_there(uint32_t unit, uint32_t micro_batch) {
    const auto held = held_bytes(unit);
    double bytes = 0;
    if (request_.micro_batches > 1) bytes += gradient_element_ + held;
    if (micro_batch > 0) bytes += held;
    if (micro_batch + 1 == request_.micro_batches) bytes += held;
    out_.backward.device_memory += part(unit) * bytes * elements(unit);
  }

  // States and master weights are read and written, gradients read, copies of the weights written.
  void update(const Use& use) {
    const auto unit = use.unit;
    double states = 0;
    for (const auto& array :
         train::states_of(request_.rule, plan_.units[unit], plan_.flats[unit]).arrays)
      states += static_cast<double>(array.bytes);
    double bytes = 2.0 * element_bytes(request_.storage);
    if (!same(request_.dtype, request_.storage))
      bytes += static_cast<double>(element_bytes(request_.dtype));
    // An expert that no token chose has no gradient.
    if (!plan_.units[unit].is_expert()) bytes += held_bytes(unit);
    auto& memory = use.on_device ? out_.update.device_memory : out_.update.host_memory;
    memory += part(unit) * (2 * states + bytes * elements(unit));
    each_expert(
        unit, tokens_of_all() * request_.micro_batches, [&](uint32_t expert, double chance) {
          out_.update.host_memory += part(expert) * chance * held_bytes(expert) * elements(expert);
        });
  }

  strata_dtype held_dtype(uint32_t unit) const {
    return train::held_gradient(request_, unit == plan_.table_unit);
  }
  double held_bytes(uint32_t unit) const {
    return static_cast<double>(element_bytes(held_dtype(unit)));
  }
  // Those of a micro-batch of each rank: an expert that any rank chose moves on all.
  double tokens_of_all() const { return tokens_ * request_.ranks; }
  // The part of a unit's weights, gradient and states that this rank moves, sums and updates.
  double part(uint32_t unit) const {
    return unit >= plan_.shares.size() || plan_.shares[unit].whole ? 1 : each_;
  }
  // The part of an object's bytes that this rank moves. Only the rows of a kept input whose tokens
  // are there are moved.
  double part_of(const Object& object) const {
    return object.kind == Object::Kind::input ? part_ : part(object.unit);
  }
  double elements(uint32_t unit) const { return static_cast<double>(plan_.flats[unit].elements); }

  // Calls f(unit, chance) for the experts of a layer, with the chance that one of so many tokens
  // chooses the expert.
  template <class F>
  void each_expert(uint32_t layer, double tokens, F&& f) const {
    if (plan_.top_k[layer] == 0) return;
    auto end = layer + 1;
    while (end < plan_.units.size() && plan_.units[end].is_expert()) ++end;
    const double all = end - layer - 1;
    if (all == 0) return;
    const double missed = std::max(0.0, 1 - plan_.top_k[layer] / all);
    const double chance = 1 - std::pow(missed, tokens);
    for (auto unit = layer + 1; unit < end; ++unit) f(unit, chance);
  }

  const train::TrainingPlan& plan_;
  const train::TrainingRequest& request_;
  double part_;    // of the tokens that were planned for
  double tokens_;  // of a micro-batch
  double gradient_element_;
  double each_;           // a rank's part of what is cut
  uint32_t experts_ = 0;  // of all layers
  training_log::StepWork out_;
};

}  // namespace

training_log::StepWork step_work(const train::TrainingPlan& plan,
                                 const train::TrainingRequest& request, double tokens,
                                 bool clipping) {
  auto out = Counted(plan, request, tokens).work();
  out.clipping = clipping;
  return out;
}

}  // namespace strata::app
