// These serve programs that test products: threads, and rows with space between them.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

// Runs items on `count` threads, each of which takes the next one.
struct Threads {
  int count;
  static void parallel(void* context, int64_t items, void (*item)(void*, int64_t), void* user) {
    std::atomic<int64_t> next{0};
    const auto work = [&] {
      for (int64_t at = next++; at < items; at = next++) item(user, at);
    };
    std::vector<std::thread> others(
        static_cast<std::size_t>(static_cast<const Threads*>(context)->count - 1));
    for (auto& one : others) one = std::thread(work);
    work();
    for (auto& one : others) one.join();
  }
};

// Rows of `width` bytes, `space` bytes from each to the next, all bits set between them.
inline std::vector<char> spread(const std::vector<char>& rows, std::size_t width,
                                std::size_t space) {
  const std::size_t count = rows.size() / width;
  std::vector<char> out(count * (width + space), '\xff');
  for (std::size_t n = 0; n < count; ++n)
    std::memcpy(out.data() + n * (width + space), rows.data() + n * width, width);
  return out;
}
