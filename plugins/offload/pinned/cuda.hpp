// Page-locks memory with CUDA's driver, which is opened on demand: nothing is linked, and loading
// needs no GPU.
#pragma once
#include <cstddef>
#include <optional>

class Cuda {
 public:
  // The driver with a context to register in: the calling thread's, else the first device's primary
  // one if the process uses it. Nothing without a driver, a device or a context.
  static std::optional<Cuda> find();

  // Whether there is a device. The process need not use it yet.
  static bool there();

  // Page-locks the memory for all contexts; returns 0 or the driver's error. Call unlock before
  // unmapping.
  int lock(void* memory, std::size_t bytes) const;
  void unlock(void* memory) const;

 private:
  struct Driver;
  Cuda(const Driver* driver, void* context) : driver_(driver), context_(context) {}

  const Driver* driver_;  // static: the library is never closed
  void* context_;
};
