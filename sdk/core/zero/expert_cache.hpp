// The cache of experts in slots: pure bookkeeping, without memory, driven by the layers' needs.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace strata::zero {

inline constexpr uint32_t no_slot = ~uint32_t{0};

// One layer at a time needs experts and takes them in order. A slot is free for another expert when
// its own is neither still to be taken nor in use. Free slots go first from layers that hold more
// than their share, then from the layer that runs again the latest, then from the least recently
// used expert: a pass runs the layers in a circle, so plain LRU would always evict the expert
// needed next.
class ExpertCache {
 public:
  // Experts are numbered below `experts`, layers below `layers`.
  ExpertCache(uint32_t slots, uint32_t experts, uint32_t layers);

  // Sets the experts that `layer` will take, in this order, each once.
  void need(uint32_t layer, std::span<const uint32_t> experts);
  struct Fetch {
    uint32_t expert = 0, slot = 0;
  };
  // Gives the next missing expert, if there is a slot for it now; it counts as there from now on.
  std::optional<Fetch> next_fetch();
  // Gives the slot of the next expert, after next_fetch() gave nothing more.
  uint32_t take();
  // Marks the expert that was taken last as used.
  void used();

  uint64_t needed() const { return needed_; }
  uint64_t hits() const { return hits_; }  // of these, there when they were needed

 private:
  struct Slot {
    uint32_t expert = 0, layer = 0;
    uint64_t last = 0;   // when it was taken; 0: it is empty
    bool waits = false;  // its expert is still to be taken or used
  };
  uint32_t victim();
  bool goes_before(const Slot& a, const Slot& b) const;

  std::vector<Slot> slots_;
  std::vector<uint32_t> where_;  // by expert
  std::vector<uint32_t> held_;   // slots by layer
  std::vector<uint32_t> wanted_;
  std::size_t ahead_ = 0, at_ = 0;  // indices into wanted_: the next to fetch, and to take
  uint32_t layer_ = 0, share_ = 1;
  uint64_t clock_ = 0, needed_ = 0, hits_ = 0;
};

}  // namespace strata::zero
