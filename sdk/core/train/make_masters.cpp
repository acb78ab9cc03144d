#include "core/train/make_masters.hpp"

namespace strata::train {
namespace {

using device::Lane;

bool is_made(const zero::Weight& weight, const source::Checkpoint& checkpoint) {
  return weight.source.pieces.empty() && !weight.source.stored.parts.empty() &&
         checkpoint.is_made(weight.source.stored.file());
}

class Making {
 public:
  Making(const source::Checkpoint& checkpoint, const run::LoadParts& load, uint64_t occurred)
      : checkpoint_(checkpoint), load_(load), occurred_(occurred) {}

  void fill(const zero::Unit& unit, std::byte* master) {
    if (!unit.expands) {
      for (const auto& weight : unit.weights) make(weight, master + weight.run.at);
      return;
    }
    auto* stored = load_.scratch;
    if (load_.separate_device) {
      host_.resize(unit.stored_bytes);
      stored = host_.data();
    }
    for (const auto& weight : unit.weights) make(weight, stored + weight.source.stored.at);
    if (load_.separate_device)
      load_.device->copy(Lane::compute, load_.scratch, stored, unit.stored_bytes);
    auto* run = load_.separate_device ? load_.scratch + unit.stored_bytes : master;
    load_.compute->expand(unit, load_.scratch, run);
    // The master has other weights of the unit already.
    if (load_.separate_device)
      for (const auto& weight : unit.weights)
        load_.device->copy(Lane::compute, master + weight.run.at, run + weight.run.at,
                           weight.run.bytes);
    load_.device->record(Lane::compute, load_.event + 1, ++occurred_);
    load_.device->synchronize(load_.event + 1, occurred_);
  }

 private:
  void make(const zero::Weight& weight, std::byte* to) const {
    const auto& at = weight.source.stored.file();
    checkpoint_.read_made(at.offset, {to, static_cast<std::size_t>(at.bytes)});
  }

  const source::Checkpoint& checkpoint_;
  const run::LoadParts& load_;
  std::vector<std::byte> host_;  // a unit's stored form on its way to another device
  uint64_t occurred_;
};

}  // namespace

zero::Unit made_part(const zero::Unit& unit, const source::Checkpoint& checkpoint) {
  auto out = unit;
  std::erase_if(out.weights, [&](const zero::Weight& weight) {
    return !weight.is_held() || !is_made(weight, checkpoint);
  });
  return out;
}

zero::Unit filed_part(const zero::Unit& unit, const source::Checkpoint& checkpoint) {
  auto out = unit;
  std::erase_if(out.weights, [&](const zero::Weight& weight) {
    return !weight.is_held() || is_made(weight, checkpoint);
  });
  return out;
}

void make_masters(const std::vector<run::Target>& targets, const source::Checkpoint& checkpoint,
                  const run::LoadParts& load, uint64_t occurred, const run::Progress& progress) {
  Making making(checkpoint, load, occurred);
  uint64_t done = 0, all = 0;
  for (const auto& target : targets) all += target.bytes();
  for (const auto& target : targets) {
    const auto bytes = target.memory ? std::span<std::byte>() : load.outgoing.first(target.bytes());
    if (!target.memory) target.give(bytes);  // other weights of the unit may be there already
    making.fill(*target.unit, target.memory ? target.memory : bytes.data());
    if (!target.memory) target.take(bytes);
    if (progress) progress(done += target.bytes(), all);
  }
}

}  // namespace strata::train
