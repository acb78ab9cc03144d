// Times the host's updates and the machine's triad, as bench/host_adam.py asks for them: a line of
// the standard input names what to run once, and the line that answers it has its seconds.
//
// usage: bench-host-adam THREADS ELEMENTS
#include <emmintrin.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "core/optim/adam.hpp"
#include "core/optim/adam8.hpp"
#include "core/optim/gradient.hpp"
#include "core/optim/workers.hpp"

namespace optim = strata::optim;

namespace {

constexpr uint64_t grain = 1 << 16;  // elements

// Memory in huge pages that is never freed; the threads that use it touch it first.
template <class T>
T* array(uint64_t count, optim::Workers& workers, T value) {
  const uint64_t bytes = count * sizeof(T);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  madvise(memory, bytes, MADV_HUGEPAGE);
  auto* out = static_cast<T*>(memory);
  workers.run(count, grain, [&](uint64_t first, uint64_t some) {
    for (uint64_t at = first; at < first + some; ++at) out[at] = value;
  });
  return out;
}

// a = b + 3 c, stored past the caches.
void triad(double* a, const double* b, const double* c, uint64_t first, uint64_t count) {
  const __m128d three = _mm_set1_pd(3);
  for (uint64_t at = first; at < first + count; at += 2)
    _mm_stream_pd(a + at, _mm_add_pd(_mm_load_pd(b + at), _mm_mul_pd(_mm_load_pd(c + at), three)));
  _mm_sfence();
}

template <class Run>
double seconds(const Run& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench-host-adam THREADS ELEMENTS\n";
    return 2;
  }
  optim::Workers workers(static_cast<uint32_t>(std::atoi(argv[1])));
  const uint64_t count = std::strtoull(argv[2], nullptr, 10) / grain * grain;
  auto* wide = array<float>(count, workers, 1e-3F);
  auto* narrow = array<uint16_t>(count, workers, 0x3a83);  // about 1e-3 in bfloat16
  auto* codes1 = array<uint8_t>(count, workers, 0);
  auto* codes2 = array<uint8_t>(count, workers, 0);
  auto* scale1 = array<float>(optim::moment_blocks(count), workers, 0);
  auto* scale2 = array<float>(optim::moment_blocks(count), workers, 0);
  auto* copy = array<uint16_t>(count, workers, 0);
  auto* master = array<float>(count, workers, 1);
  auto* moment1 = array<float>(count, workers, 0);
  auto* moment2 = array<float>(count, workers, 0);
  const auto step = optim::adam_step({.rate = 1e-4, .weight_decay = 0.01}, 10);
  const auto adam = [&](strata_dtype dtype, const void* gradient) {
    const optim::AdamArrays arrays{.gradient_dtype = dtype,
                                   .gradient = gradient,
                                   .master = master,
                                   .moment1 = moment1,
                                   .moment2 = moment2,
                                   .copy = copy};
    workers.run(count, grain,
                [&](uint64_t first, uint64_t some) { optim::adam(step, arrays, first, some); });
  };
  const auto adam8 = [&] {
    const optim::Adam8Arrays arrays{.gradient_dtype = optim::bf16,
                                    .gradient = narrow,
                                    .master = master,
                                    .moment1 = codes1,
                                    .moment2 = codes2,
                                    .scale1 = scale1,
                                    .scale2 = scale2,
                                    .copy = copy};
    workers.run(count, grain,
                [&](uint64_t first, uint64_t some) { optim::adam8(step, arrays, first, some); });
  };
  std::vector<double> partials(optim::square_blocks(count));
  const auto squares = [&] {
    workers.run(partials.size(), 1, [&](uint64_t first, uint64_t blocks) {
      optim::square_sums(optim::bf16, narrow, count, first, blocks, partials.data());
    });
  };
  // The triad's arrays have the memory of the weights and moments, as doubles.
  const auto as_doubles = [](float* from) { return reinterpret_cast<double*>(from); };
  const auto triads = [&] {
    workers.run(count / 2, grain, [&](uint64_t first, uint64_t some) {
      triad(as_doubles(moment2), as_doubles(master), as_doubles(moment1), first, some);
    });
  };
  std::cout << count << std::endl;
  for (std::string what; std::getline(std::cin, what);) {
    double time = 0;
    if (what == "triad") {
      time = seconds(triads);
      // Numbers that an update keeps normal.
      workers.run(count, grain, [&](uint64_t first, uint64_t some) {
        for (uint64_t at = first; at < first + some; ++at) moment2[at] = 1e-6F;
      });
    } else if (what == "adam bfloat16") {
      time = seconds([&] { adam(optim::bf16, narrow); });
    } else if (what == "adam float32") {
      time = seconds([&] { adam(optim::f32, wide); });
    } else if (what == "adam without a gradient") {
      time = seconds([&] { adam(optim::f32, nullptr); });
    } else if (what == "adam8 bfloat16") {
      time = seconds(adam8);
    } else if (what == "squares bfloat16") {
      time = seconds(squares);
    } else {
      return 2;
    }
    std::cout << time << std::endl;
  }
  return 0;
}
