#include "torch/counting_allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

namespace strata::torch {

namespace {

// Every allocation begins with its size, in a header that keeps the memory behind it aligned:
// LibTorch frees by the pointer alone where it works without tensors.
constexpr std::size_t size_bytes = 64;
constexpr std::size_t worth_keeping = 64 << 10, most_kept = 64;

class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* inner) : inner_(inner) { kept_.reserve(most_kept); }

  c10::DataPtr allocate(std::size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  void give_back(void* memory);
  void keep_freed(uint64_t bytes);
  HeldBytes held();

 private:
  struct Kept {
    std::byte* base;
    std::size_t bytes;
  };
  std::byte* take_kept(std::size_t bytes);
  void make_room(uint64_t bytes);

  c10::Allocator* inner_;
  std::mutex mutex_;
  uint64_t now_ = 0, peak_ = 0, limit_ = 0, kept_bytes_ = 0;
  std::vector<Kept> kept_;  // in the order of freeing
};

// Never destroyed: tensors with static lifetime may outlive every other object.
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
  const std::lock_guard lock(mutex_);
  auto* base = take_kept(bytes);
  if (!base) {
    make_room(bytes);
    base = static_cast<std::byte*>(inner_->raw_allocate(bytes + size_bytes));
    std::memcpy(base, &bytes, sizeof bytes);
  }
  now_ += bytes;
  peak_ = std::max(peak_, now_);
  auto* memory = base + size_bytes;
  return {memory, memory, &strata::torch::give_back, here};
}

void CountingAllocator::give_back(void* memory) {
  auto* base = static_cast<std::byte*>(memory) - size_bytes;
  std::size_t bytes = 0;
  std::memcpy(&bytes, base, sizeof bytes);
  const std::lock_guard lock(mutex_);
  now_ -= bytes;
  if (bytes < worth_keeping || now_ + kept_bytes_ + bytes > limit_ || kept_.size() == most_kept)
    return inner_->raw_deallocate(base);
  kept_.push_back({base, bytes});
  kept_bytes_ += bytes;
}

// Takes the most recently freed memory of exactly that size; null if there is none.
std::byte* CountingAllocator::take_kept(std::size_t bytes) {
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                  [bytes](const Kept& one) { return one.bytes == bytes; });
  if (found == kept_.rend()) return nullptr;
  auto* base = found->base;
  kept_.erase(std::next(found).base());
  kept_bytes_ -= bytes;
  return base;
}

// Frees the memory kept longest, until so many more bytes are within the limit.
void CountingAllocator::make_room(uint64_t bytes) {
  auto first = kept_.begin();
  for (; first != kept_.end() && now_ + kept_bytes_ + bytes > limit_; ++first) {
    kept_bytes_ -= first->bytes;
    inner_->raw_deallocate(first->base);
  }
  kept_.erase(kept_.begin(), first);
}

void CountingAllocator::keep_freed(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
  make_room(0);
}

HeldBytes CountingAllocator::held() {
  const std::lock_guard lock(mutex_);
  return {now_, std::exchange(peak_, now_)};
}

c10::DeleterFnPtr CountingAllocator::raw_deleter() const { return &strata::torch::give_back; }

}  // namespace

void count_allocations() {
  static std::once_flag once;
  constexpr uint8_t over_the_default = 1;
  std::call_once(once, [] { c10::SetCPUAllocator(&allocator(), over_the_default); });
}

void keep_freed(uint64_t bytes) { allocator().keep_freed(bytes); }

HeldBytes held_bytes() { return allocator().held(); }

HeldBytes held_bytes(const c10::Device& device) {
  auto* allocator = c10::getDeviceAllocator(device.type());
  const auto bytes = allocator->getDeviceStats(device.index()).allocated_bytes[0];  // [0]: of all
  allocator->resetPeakStats(device.index());
  return {static_cast<uint64_t>(bytes.current), static_cast<uint64_t>(bytes.peak)};
}

}  // namespace strata::torch
