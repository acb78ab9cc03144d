#include "torch/counting_allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <limits>
#include <mutex>

namespace strata::torch {

namespace {

// Every allocation begins with its size, in as many bytes as keep what follows aligned: LibTorch
// frees by the pointer alone where it works without tensors.
constexpr std::size_t size_bytes = 64;

class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* inner) : inner_(inner) {}

  c10::DataPtr allocate(std::size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  void give_back(void* memory) {
    auto* base = static_cast<std::byte*>(memory) - size_bytes;
    std::size_t bytes = 0;
    std::memcpy(&bytes, base, sizeof bytes);
    now_.fetch_sub(bytes, std::memory_order_relaxed);
    inner_->raw_deallocate(base);
  }

  HeldBytes held() {
    const auto now = now_.load(std::memory_order_relaxed);
    return {now, std::max(now, peak_.exchange(now, std::memory_order_relaxed))};
  }

 private:
  c10::Allocator* inner_;
  std::atomic<uint64_t> now_{0}, peak_{0};
};

// Never destroyed: tensors of static life may outlive every other object.
CountingAllocator& allocator() {
  static auto* const one = new CountingAllocator(c10::GetCPUAllocator());
  return *one;
}

void give_back(void* memory) {
  if (memory) allocator().give_back(memory);
}

c10::DataPtr CountingAllocator::allocate(std::size_t bytes) {
  const c10::Device here(c10::DeviceType::CPU);
  if (bytes == 0) return {nullptr, nullptr, &strata::torch::give_back, here};
  TORCH_CHECK(bytes <= std::numeric_limits<std::size_t>::max() - size_bytes, "no room for ", bytes,
              " bytes");
  auto* base = static_cast<std::byte*>(inner_->raw_allocate(bytes + size_bytes));
  std::memcpy(base, &bytes, sizeof bytes);
  const auto now = now_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  auto peak = peak_.load(std::memory_order_relaxed);
  while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
  auto* memory = base + size_bytes;
  return {memory, memory, &strata::torch::give_back, here};
}

c10::DeleterFnPtr CountingAllocator::raw_deleter() const { return &strata::torch::give_back; }

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
