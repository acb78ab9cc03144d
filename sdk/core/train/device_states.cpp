#include "core/train/device_states.hpp"

#include <algorithm>
#include <new>

#include "core/dtype.hpp"
#include "core/optim/cast.hpp"
#include "core/optim/gradient.hpp"
#include "core/pages.hpp"
#include "core/train/device_places.hpp"

namespace strata::train {
namespace {

using device::Lane;
using zero::Object;

constexpr uint64_t bucket = uint64_t{1} << 20;  // elements that pass through host memory at a time

float* floats(std::byte* at) { return reinterpret_cast<float*>(at); }

// Calls f(first, count) for the buckets of so many elements.
template <class F>
void each_bucket(uint64_t elements, const F& f) {
  for (uint64_t first = 0; first < elements; first += bucket)
    f(first, std::min(bucket, elements - first));
}

}  // namespace

DeviceStates::DeviceStates(const TrainingPlan& plan, const TrainingRequest& request,
                           std::byte* arena, device::Device& device, StateKernels& kernels)
    : plan_(plan), reduce_(request.reduce), micro_batches_(request.micro_batches), device_(device),
      kernels_(kernels), units_(plan.units.size()) {
  const auto& step = plan.step;
  uint64_t blocks = 0;
  for (std::size_t o = 0; o < step.objects.size(); ++o) {
    const auto& object = step.objects[o];
    if (object.kind == Object::Kind::numbers)
      brought_ = reinterpret_cast<UpdateNumbers*>(arena + step.homes[o]);
    if (object.kind != Object::Kind::states) continue;
    const auto u = object.unit;
    const auto places = device_places(plan.units[u], plan.flats[u], micro_batches_);
    auto* at = arena + step.homes[o];
    Unit unit{.own_master = places.own_master,
              .elements = plan.flats[u].elements,
              .weights = arena + step.homes[u],
              .gradient_dtype = held_gradient(request, false)};
    unit.master = floats(unit.own_master ? at + places.master : unit.weights);
    unit.moment1 = floats(at + places.moment1);
    unit.moment2 = floats(at + places.moment2);
    if (places.own_sum) unit.gradient = at + places.sum;
    unit.squares = reinterpret_cast<double*>(at + places.squares);
    units_[u] = unit;
    bytes_ += object.run;
    blocks += optim::square_blocks(unit.elements);
  }
  // A gradient that is not added up stays where its rerun writes it.
  for (std::size_t o = 0; o < step.objects.size(); ++o) {
    const auto& object = step.objects[o];
    if (object.kind != Object::Kind::gradient || !has(object.unit)) continue;
    auto& unit = *units_[object.unit];
    if (!unit.gradient) unit.gradient = arena + step.homes[o];
  }
  auto* host = device.staging(pages(sizeof(UpdateNumbers)) + pages(blocks * sizeof(double)));
  numbers_ = new (host) UpdateNumbers;
  auto* squares = reinterpret_cast<double*>(host + pages(sizeof(UpdateNumbers)));
  for (auto& unit : units_) {
    if (!unit) continue;
    unit->arrived = {squares, static_cast<std::size_t>(optim::square_blocks(unit->elements))};
    squares += unit->arrived.size();
  }
}

void DeviceStates::reduce(const zero::Use& use, const std::byte* arrived, bool there) {
  const auto& unit = *units_[use.unit];
  if (micro_batches_ > 1 && there)
    kernels_.accumulate(floats(unit.gradient), reduce_, arrived, unit.elements,
                        use.micro_batch == 0);
  if (use.micro_batch + 1 < micro_batches_) return;
  kernels_.square(unit.gradient_dtype, unit.gradient, unit.elements, unit.squares);
  device_.copy(Lane::compute, reinterpret_cast<std::byte*>(unit.arrived.data()),
               reinterpret_cast<const std::byte*>(unit.squares), unit.arrived.size_bytes());
}

void DeviceStates::bring_numbers() {
  device_.copy(Lane::compute, reinterpret_cast<std::byte*>(brought_),
               reinterpret_cast<const std::byte*>(numbers_), sizeof(UpdateNumbers));
}

void DeviceStates::update(uint32_t index) {
  const auto& unit = *units_[index];
  const auto width = element_bytes(unit.gradient_dtype);
  for (const auto& piece : plan_.flats[index].pieces) {
    const auto& run = plan_.units[index].weights[piece.weight].run;
    kernels_.adam(brought_, piece.matrix,
                  {.gradient_dtype = unit.gradient_dtype,
                   .gradient = unit.gradient + piece.first * width,
                   .master = unit.master + piece.first,
                   .moment1 = unit.moment1 + piece.first,
                   .moment2 = unit.moment2 + piece.first,
                   .copy_dtype = run.dtype(),
                   .copy = unit.own_master ? unit.weights + run.at : nullptr},
                  piece.count);
  }
}

float* DeviceStates::array(uint32_t unit, AdamState which) const {
  const auto& own = *units_[unit];
  if (which == AdamState::master) return own.master;
  return which == AdamState::moment1 ? own.moment1 : own.moment2;
}

void DeviceStates::read(uint32_t unit, AdamState which, uint64_t first,
                        std::span<float> out) const {
  device_.copy_at_once(reinterpret_cast<std::byte*>(out.data()),
                       reinterpret_cast<const std::byte*>(array(unit, which) + first),
                       out.size_bytes());
}

void DeviceStates::write(uint32_t unit, AdamState which, uint64_t first,
                         std::span<const float> values) {
  device_.copy_at_once(reinterpret_cast<std::byte*>(array(unit, which) + first),
                       reinterpret_cast<const std::byte*>(values.data()), values.size_bytes());
}

void DeviceStates::masters(uint32_t unit, const std::function<void(const Bucket&)>& use) const {
  const auto elements = units_[unit]->elements;
  std::vector<float> values(std::min(bucket, elements));
  each_bucket(elements, [&](uint64_t first, uint64_t count) {
    read(unit, AdamState::master, first, {values.data(), static_cast<std::size_t>(count)});
    use({.first = first, .count = count, .master = values.data()});
  });
}

void DeviceStates::fill(uint32_t unit, const float* master) {
  const auto elements = units_[unit]->elements;
  const std::vector<float> zeros(std::min(bucket, elements), 0.0F);
  each_bucket(elements, [&](uint64_t first, uint64_t count) {
    const auto some = static_cast<std::size_t>(count);
    write(unit, AdamState::master, first, {master + first, some});
    write(unit, AdamState::moment1, first, {zeros.data(), some});
    write(unit, AdamState::moment2, first, {zeros.data(), some});
  });
}

void DeviceStates::fill_weights(uint32_t index) {
  const auto& unit = *units_[index];
  if (!unit.own_master) return;
  std::vector<float> values;
  std::vector<std::byte> copy;
  for (const auto& piece : plan_.flats[index].pieces) {
    const auto& run = plan_.units[index].weights[piece.weight].run;
    const auto width = element_bytes(run.dtype());
    each_bucket(piece.count, [&](uint64_t first, uint64_t count) {
      values.resize(count);
      copy.resize(count * width);
      read(index, AdamState::master, piece.first + first, values);
      optim::cast(run.dtype(), copy.data(), optim::f32, values.data(), 0, count);
      device_.copy_at_once(unit.weights + run.at + first * width, copy.data(), copy.size());
    });
  }
}

}  // namespace strata::train
