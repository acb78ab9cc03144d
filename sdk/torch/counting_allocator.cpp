#include "torch/counting_allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <atomic>
#include <mutex>

namespace strata::torch {

namespace {

// Each allocation carries its size in a block of the heap beside it, since LibTorch frees by
// pointer and context alone.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* inner) : inner_(inner) {}

  c10::DataPtr allocate(std::size_t bytes) override {
    auto data = inner_->allocate(bytes);
    auto* taken = new Taken{this, bytes, std::move(data)};
    const auto now = now_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    auto peak = peak_.load(std::memory_order_relaxed);
    while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
    return {taken->data.get(), taken, &give_back, taken->data.device()};
  }

  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  HeldBytes held() {
    const auto now = now_.load(std::memory_order_relaxed);
    return {now, std::max(now, peak_.exchange(now, std::memory_order_relaxed))};
  }

 private:
  struct Taken {
    CountingAllocator* by;
    std::size_t bytes;
    c10::DataPtr data;
  };
  static void give_back(void* context) {
    auto* taken = static_cast<Taken*>(context);
    taken->by->now_.fetch_sub(taken->bytes, std::memory_order_relaxed);
    delete taken;
  }

  c10::Allocator* inner_;
  std::atomic<uint64_t> now_{0}, peak_{0};
};

// Never destroyed: tensors of static life may outlive every other object.
CountingAllocator& allocator() {
  static auto* const one = new CountingAllocator(c10::GetCPUAllocator());
  return *one;
}

}  // namespace

void count_allocations() {
  static std::once_flag once;
  constexpr uint8_t over_the_default = 1;
  std::call_once(once, [] { c10::SetCPUAllocator(&allocator(), over_the_default); });
}

HeldBytes held_bytes() { return allocator().held(); }

HeldBytes held_bytes(const c10::Device& device) {
  auto* allocator = c10::getDeviceAllocator(device.type());
  const auto bytes = allocator->getDeviceStats(device.index()).allocated_bytes[0];  // [0]: of all
  allocator->resetPeakStats(device.index());
  return {static_cast<uint64_t>(bytes.current), static_cast<uint64_t>(bytes.peak)};
}

}  // namespace strata::torch
