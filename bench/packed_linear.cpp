// Times products with packed weights and the machine's plain reads of the same bytes, as
// bench/packed_linear.py asks for them: a line of the standard input names what to run once, and
// the line that answers it has its seconds and the bytes of the weight.
//
// usage: bench-packed-linear THREADS BYTES
//
// Lines: "read", or "BLOCK COLUMNS TOKENS exact|fast" with a block's number in kernels::Block.
#include "kernels/packed_linear.hpp"

#include <emmintrin.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "core/optim/workers.hpp"

namespace kernels = strata::kernels;
using strata::optim::Workers;

namespace {

constexpr uint64_t grain = 1 << 16;  // bytes

// Bytes in huge pages that are never freed; the threads that use them touch them first. No byte is
// above 0x3f, so that every half float among them is finite.
uint8_t* weights(uint64_t bytes, Workers& workers) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  madvise(memory, bytes, MADV_HUGEPAGE);
  auto* out = static_cast<uint8_t*>(memory);
  workers.run(bytes, grain, [&](uint64_t first, uint64_t some) {
    for (uint64_t at = first; at < first + some; ++at)
      out[at] = static_cast<uint8_t>((at * 0x9e3779b97f4a7c15U >> 40) & 0x3f);
  });
  return out;
}

// The sum of words, of 64 bytes at a time. Without prefetches a processor reads more slowly than it
// can.
uint64_t read(const uint8_t* from, uint64_t bytes) {
  constexpr uint64_t ahead = 4096;
  __m128i sums[4] = {};
  for (uint64_t at = 0; at + 64 <= bytes; at += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(from + at + ahead), _MM_HINT_T0);
    for (uint64_t i = 0; i < 4; ++i) {
      const auto* word = reinterpret_cast<const __m128i*>(from + at + 16 * i);
      sums[i] = _mm_add_epi64(sums[i], _mm_load_si128(word));
    }
  }
  const auto sum = _mm_add_epi64(_mm_add_epi64(sums[0], sums[1]), _mm_add_epi64(sums[2], sums[3]));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(sum));
}

template <class Run>
double seconds(const Run& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void parallel(void* context, int64_t items, void (*item)(void*, int64_t), void* user) {
  static_cast<Workers*>(context)->run(static_cast<uint64_t>(items), 1,
                                      [&](uint64_t first, uint64_t some) {
                                        for (uint64_t at = first; at < first + some; ++at)
                                          item(user, static_cast<int64_t>(at));
                                      });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench-packed-linear THREADS BYTES\n";
    return 2;
  }
  Workers workers(static_cast<uint32_t>(std::atoi(argv[1])));
  const uint64_t bytes = std::strtoull(argv[2], nullptr, 10) / grain * grain;
  const auto* memory = weights(bytes, workers);
  std::vector<uint64_t> sums(bytes / grain);
  std::cout << (kernels::has_fast() ? "fast" : "exact") << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "read") {
      const double time = seconds([&] {
        workers.run(bytes, grain, [&](uint64_t first, uint64_t some) {
          sums[first / grain] = read(memory + first, some);
        });
      });
      std::cout << time << ' ' << bytes << std::endl;
      continue;
    }
    std::istringstream words(line);
    int number = 0;
    int64_t columns = 0, tokens = 0;
    std::string name;
    words >> number >> columns >> tokens >> name;
    if (!words || number < 0 || number >= kernels::block_count || tokens < 1) return 2;
    const auto block = static_cast<kernels::Block>(number);
    if (!kernels::can(block, columns)) return 2;
    const auto products = name == "fast" ? kernels::Products::fast : kernels::Products::exact;
    const auto size = kernels::size_of(block);
    const int64_t row = columns / size.elements * size.bytes;
    const kernels::Linear of{block, reinterpret_cast<const std::byte*>(memory),
                             static_cast<int64_t>(bytes) / row, columns};
    const std::vector<float> x(static_cast<std::size_t>(tokens * columns), 0.5F);
    std::vector<float> y(static_cast<std::size_t>(tokens * of.rows));
    std::vector<std::byte> space(kernels::workspace(of, tokens, products));
    const strata_dtype float32{STRATA_FLOAT, 32, 1};
    const double time = seconds([&] {
      kernels::linear(of, x.data(), float32, columns, y.data(), float32, of.rows, tokens,
                      space.data(), {parallel, &workers}, products);
    });
    std::cout << time << ' ' << row * of.rows << std::endl;
  }
  return 0;
}
