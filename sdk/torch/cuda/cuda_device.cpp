#include "torch/cuda/cuda_device.hpp"

#include "core/error.hpp"
#include "torch/device.hpp"

namespace strata::torch {

using device::Lane;

namespace {

std::size_t number(Lane lane) { return static_cast<std::size_t>(lane); }

Error failure_of(const std::string& what, cudaError_t error, std::string_view remedy = "") {
  return {"cuda", what + ": " + cudaGetErrorString(error), remedy};
}

void check(const std::string& what, cudaError_t error, std::string_view remedy = "") {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears the error, so that no later call reports it again
  throw failure_of(what, error, remedy);
}

}  // namespace

void CudaDevice::FreeDevice::operator()(std::byte* memory) const { cudaFree(memory); }
void CudaDevice::EndStream::operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
void CudaDevice::EndEvent::operator()(cudaEvent_t event) const { cudaEventDestroy(event); }

CudaDevice::Staging::Staging(uint64_t bytes) : memory_(bytes) {
  if (bytes == 0) return;
  check(std::to_string(bytes) + " bytes of host memory cannot be page-locked",
        cudaHostRegister(memory_.data(), bytes, cudaHostRegisterPortable), "free some host memory");
}

CudaDevice::Staging::~Staging() {
  if (memory_.data()) cudaHostUnregister(memory_.data());
}

CudaDevice::CudaDevice(uint32_t events, uint32_t index) : board_(events) {
  const auto place = open_place({STRATA_CUDA, static_cast<int32_t>(index)});
  index_ = static_cast<uint8_t>(place.device.index());
  compute_ = static_cast<cudaStream_t>(place.stream->native_handle());
  use();
  for (const auto lane : {Lane::io, Lane::copy, Lane::comm, Lane::back}) {
    cudaStream_t made = nullptr;
    check("no stream", cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    streams_[number(lane)].reset(made);
  }
  events_.reserve(events);
  for (uint32_t e = 0; e < events; ++e) {
    cudaEvent_t made = nullptr;
    check("no event", cudaEventCreateWithFlags(&made, cudaEventDisableTiming));
    events_.emplace_back(made);
  }
  recorded_by_ = std::make_unique<std::atomic<Lane>[]>(events);
  for (uint32_t e = 0; e < events; ++e) recorded_by_[e] = Lane::compute;
}

CudaDevice::~CudaDevice() {
  cudaSetDevice(index_);
  host_.reset();  // streams may wait for its events
  for (const auto& lane : streams_)
    if (lane) cudaStreamSynchronize(lane.get());
  cudaStreamSynchronize(compute_);
}

void CudaDevice::use() const { check("it does not answer", cudaSetDevice(index_)); }

cudaStream_t CudaDevice::stream(Lane lane) const {
  return lane == Lane::compute ? compute_ : streams_[number(lane)].get();
}

void CudaDevice::keep(Lane lane, std::exception_ptr failure) {
  if (auto& kept = failures_[number(lane)]; !kept) kept = failure;
  if (lane == Lane::compute) std::rethrow_exception(failure);
}

template <class F>
void CudaDevice::on(Lane lane, const char* what, F&& f) {
  if (failures_[number(lane)]) return;
  auto error = cudaSetDevice(index_);
  if (error == cudaSuccess) error = f(stream(lane));
  if (error == cudaSuccess) return;
  cudaGetLastError();
  keep(lane, std::make_exception_ptr(failure_of(what, error)));
}

std::byte* CudaDevice::arena(uint64_t bytes) {
  use();
  arena_.reset();
  if (bytes == 0) return nullptr;
  void* made = nullptr;
  check(std::to_string(bytes) + " bytes of device memory", cudaMalloc(&made, bytes),
        "lower --device-memory, or free the device for it");
  arena_.reset(static_cast<std::byte*>(made));
  return arena_.get();
}

std::byte* CudaDevice::staging(uint64_t bytes) {
  use();
  return staging_.emplace_back(bytes).data();
}

void CudaDevice::copy(Lane lane, std::byte* to, const std::byte* from, uint64_t bytes) {
  if (bytes == 0) return;
  on(lane, "a copy", [&](cudaStream_t stream) {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
  });
}

void CudaDevice::copy_at_once(std::byte* to, const std::byte* from, uint64_t bytes) {
  if (bytes == 0) return;
  const std::lock_guard lock(beside_mutex_);
  use();
  if (!beside_) {
    cudaStream_t made = nullptr;
    check("no stream", cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    beside_.reset(made);
  }
  check("a copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, beside_.get()));
  check("a copy", cudaStreamSynchronize(beside_.get()));
}

template <class F>
void CudaDevice::collect(F&& f) {
  if (failures_[number(Lane::comm)]) return;
  try {
    use();
    f(stream(Lane::comm));
  } catch (...) {
    keep(Lane::comm, std::current_exception());
  }
}

void CudaDevice::gather(device::Collective& collective, std::byte* base, uint64_t shard) {
  collect([&](cudaStream_t stream) { collective.all_gather(base, shard, stream); });
}

void CudaDevice::reduce_scatter(device::Collective& collective, std::byte* base, uint64_t shard,
                                device::Element element) {
  collect([&](cudaStream_t stream) { collective.reduce_scatter(base, shard, element, stream); });
}

void CudaDevice::broadcast(device::Collective& collective, std::byte* base, uint64_t bytes,
                           uint32_t from) {
  collect([&](cudaStream_t stream) { collective.broadcast(base, bytes, from, stream); });
}

void CudaDevice::all_reduce(device::Collective& collective, double* values, uint32_t count) {
  host().collect([=, &collective] { collective.all_reduce(values, count); });
}

device::Worker& CudaDevice::host() {
  if (host_) return *host_;
  host_events_ = std::make_unique<HostEvents>(index_, static_cast<uint32_t>(events_.size()));
  host_ = std::make_unique<device::Worker>(
      [this](uint32_t number, uint64_t) { return host_events_->await(number); },
      [this](uint32_t event, uint64_t occurrence, std::exception_ptr failure) {
        host_events_->happen(event, occurrence);
        board_.happen(event, occurrence, std::move(failure));
      });
  return *host_;
}

void CudaDevice::call(device::HostWork& work, uint32_t item) { host().call(work, item); }

// [Note: events]
void CudaDevice::wait_on_host(uint32_t event, uint64_t occurrence) {
  if (recorded_by_[event] == Lane::host) return;  // in order
  if (auto failure = board_.await(event, occurrence)) return host().fail(std::move(failure));
  auto& worker = host();
  on(recorded_by_[event], "an event", [&](cudaStream_t stream) {
    uint32_t number = 0;
    const auto error = host_events_->mark(stream, number);
    if (error == cudaSuccess) worker.wait(number, 0);
    return error;
  });
}

void CudaDevice::record(Lane lane, uint32_t event, uint64_t occurrence) {
  recorded_by_[event] = lane;
  if (lane == Lane::host) return host().record(event, occurrence);
  // Issued or failed, every waiter is told.
  try {
    on(lane, "an event",
       [&](cudaStream_t stream) { return cudaEventRecord(events_[event].get(), stream); });
  } catch (...) {
    board_.happen(event, occurrence, std::current_exception());
    throw;
  }
  board_.happen(event, occurrence, failures_[number(lane)]);
}

// [Note: events]
void CudaDevice::wait(Lane lane, uint32_t event, uint64_t occurrence) {
  if (lane == Lane::host) return wait_on_host(event, occurrence);
  if (recorded_by_[event] == Lane::host)
    return on(lane, "a wait",
              [&](cudaStream_t stream) { return host_events_->wait(stream, event, occurrence); });
  if (auto failure = board_.await(event, occurrence)) return keep(lane, std::move(failure));
  on(lane, "a wait",
     [&](cudaStream_t stream) { return cudaStreamWaitEvent(stream, events_[event].get(), 0); });
}

void CudaDevice::fail(Lane lane, std::exception_ptr failure) {
  if (lane == Lane::host) return host().fail(std::move(failure));
  if (auto& kept = failures_[number(lane)]; !kept) kept = std::move(failure);
}

void CudaDevice::synchronize(uint32_t event, uint64_t occurrence) {
  if (const auto failure = board_.await(event, occurrence)) std::rethrow_exception(failure);
  if (recorded_by_[event] == Lane::host) return;
  use();
  check("the device's work failed", cudaEventSynchronize(events_[event].get()));
}

}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::device::Device>
strata_open_cuda_device(uint32_t events, uint32_t index) {
  return std::make_unique<strata::torch::CudaDevice>(events, index);
}
