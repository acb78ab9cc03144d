#include "cuda.hpp"

#include <dlfcn.h>

// The few functions of libcuda.so.1 that are used, with the signatures in CUDA's driver API
// reference.
struct Cuda::Driver {
  int (*init)(unsigned flags);
  int (*context)(void** context);
  int (*push)(void* context);
  int (*pop)(void** context);
  int (*count)(int* devices);
  int (*device)(int* device, int ordinal);
  int (*primary_state)(int device, unsigned* flags, int* active);
  int (*primary_retain)(void** context, int device);
  int (*lock)(void* memory, std::size_t bytes, unsigned flags);
  int (*unlock)(void* memory);

  static const Driver* get() {
    static const Driver driver = open();
    return driver.init && driver.init(0) == 0 ? &driver : nullptr;
  }

 private:
  static Driver open() {
    Driver d{};
    void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return d;
    bool whole = true;
    const auto bind = [&](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      whole = whole && function;
    };
    bind(d.init, "cuInit");
    bind(d.context, "cuCtxGetCurrent");
    bind(d.push, "cuCtxPushCurrent_v2");
    bind(d.pop, "cuCtxPopCurrent_v2");
    bind(d.count, "cuDeviceGetCount");
    bind(d.device, "cuDeviceGet");
    bind(d.primary_state, "cuDevicePrimaryCtxGetState");
    bind(d.primary_retain, "cuDevicePrimaryCtxRetain");
    bind(d.lock, "cuMemHostRegister_v2");
    bind(d.unlock, "cuMemHostUnregister");
    return whole ? d : Driver{};
  }
};

bool Cuda::there() {
  const auto* driver = Driver::get();
  int devices = 0;
  return driver && driver->count(&devices) == 0 && devices > 0;
}

std::optional<Cuda> Cuda::find() {
  const auto* driver = Driver::get();
  if (!driver) return {};
  void* context = nullptr;
  if (driver->context(&context) == 0 && context) return Cuda(driver, context);
  int device = 0, active = 0;
  unsigned flags = 0;
  // The context is never released: memory registered in it must not outlive it.
  if (driver->device(&device, 0) != 0 || driver->primary_state(device, &flags, &active) != 0 ||
      !active || driver->primary_retain(&context, device) != 0)
    return {};
  return Cuda(driver, context);
}

int Cuda::lock(void* memory, std::size_t bytes) const {
  static constexpr unsigned portable = 1;  // CU_MEMHOSTREGISTER_PORTABLE
  if (const int error = driver_->push(context_)) return error;
  const int error = driver_->lock(memory, bytes, portable);
  void* popped = nullptr;
  driver_->pop(&popped);
  return error;
}

void Cuda::unlock(void* memory) const {
  void* popped = nullptr;
  if (driver_->push(context_) != 0) return;  // the driver is shutting down
  driver_->unlock(memory);
  driver_->pop(&popped);
}
