#include "core/zero/expert_cache.hpp"

#include <algorithm>
#include <tuple>

namespace strata::zero {

ExpertCache::ExpertCache(uint32_t slots, uint32_t experts, uint32_t layers)
    : slots_(slots), where_(experts, no_slot), held_(layers),
      share_(std::max(1u, slots / std::max(1u, layers))) {}

void ExpertCache::need(uint32_t layer, std::span<const uint32_t> experts) {
  layer_ = layer;
  wanted_.assign(experts.begin(), experts.end());
  ahead_ = at_ = 0;
  needed_ += experts.size();
  for (const auto expert : experts) {
    if (where_[expert] == no_slot) continue;
    slots_[where_[expert]].waits = true;
    ++hits_;
  }
}

bool ExpertCache::goes_before(const Slot& a, const Slot& b) const {
  const auto rank = [&](const Slot& slot) {
    const auto layers = static_cast<uint32_t>(held_.size());
    const auto coming = slot.layer == layer_ ? 1u : 0u;
    const auto over = int64_t{held_[slot.layer]} + coming - share_;
    const auto until = (slot.layer + layers - layer_ - 1) % layers;
    return std::tuple(slot.last == 0, over, until, ~slot.last);
  };
  return rank(a) > rank(b);
}

uint32_t ExpertCache::victim() {
  uint32_t best = no_slot;
  for (uint32_t s = 0; s < slots_.size(); ++s)
    if (!slots_[s].waits && (best == no_slot || goes_before(slots_[s], slots_[best]))) best = s;
  if (best != no_slot || ahead_ != at_) return best;
  // No slot is free: the last expert that waits makes room, and is fetched again in its turn.
  for (auto i = wanted_.size(); i-- > at_ && best == no_slot;) best = where_[wanted_[i]];
  if (best != no_slot) --hits_;
  return best;
}

std::optional<ExpertCache::Fetch> ExpertCache::next_fetch() {
  while (ahead_ < wanted_.size() && where_[wanted_[ahead_]] != no_slot) ++ahead_;
  if (ahead_ == wanted_.size()) return std::nullopt;
  const auto s = victim();
  if (s == no_slot) return std::nullopt;
  auto& slot = slots_[s];
  if (slot.last != 0) {
    where_[slot.expert] = no_slot;
    --held_[slot.layer];
  }
  const auto expert = wanted_[ahead_++];
  slot = {.expert = expert, .layer = layer_, .last = ++clock_, .waits = true};
  where_[expert] = s;
  ++held_[layer_];
  return Fetch{expert, s};
}

uint32_t ExpertCache::take() {
  const auto s = where_[wanted_[at_++]];
  slots_[s].last = ++clock_;
  return s;
}

void ExpertCache::used() {
  if (at_ > 0) slots_[where_[wanted_[at_ - 1]]].waits = false;
}

}  // namespace strata::zero
