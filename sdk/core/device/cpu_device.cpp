#include "core/device/cpu_device.hpp"

#include <cstring>
#include <utility>

#include "core/error.hpp"

namespace strata::device {

CpuDevice::CpuDevice(uint32_t events) : board_(events) {}

Worker* CpuDevice::worker(Lane lane) {
  if (lane == Lane::io || lane == Lane::compute) return nullptr;
  auto& own = workers_[static_cast<std::size_t>(lane)];
  if (!own)
    own = std::make_unique<Worker>(
        [this](uint32_t event, uint64_t occurrence) { return board_.await(event, occurrence); },
        [this](uint32_t event, uint64_t occurrence, std::exception_ptr failure) {
          board_.happen(event, occurrence, std::move(failure));
        });
  return own.get();
}

// A lane may wait for an event of a lane that was given up after a failure.
CpuDevice::~CpuDevice() {
  board_.close(
      std::make_exception_ptr(Error("device", "it ended before the work that was waited for", "")));
}

std::byte* CpuDevice::arena(uint64_t bytes) {
  arena_ = Arena(bytes);
  return arena_.data();
}

std::byte* CpuDevice::staging(uint64_t bytes) {
  staging_.emplace_back(bytes);
  return staging_.back().data();
}

void CpuDevice::copy(Lane lane, std::byte* to, const std::byte* from, uint64_t bytes) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->copy(to, from, bytes);
  else if (!failures_[static_cast<std::size_t>(lane)])
    std::memcpy(to, from, bytes);
}

void CpuDevice::gather(Collective& collective, std::byte* base, uint64_t shard) {
  worker(Lane::comm)->collect([=, &collective] { collective.all_gather(base, shard, nullptr); });
}

void CpuDevice::reduce_scatter(Collective& collective, std::byte* base, uint64_t shard,
                               Element element) {
  worker(Lane::comm)->collect([=, &collective] {
    collective.reduce_scatter(base, shard, element, nullptr);
  });
}

void CpuDevice::broadcast(Collective& collective, std::byte* base, uint64_t bytes, uint32_t from) {
  worker(Lane::comm)->collect([=, &collective] {
    collective.broadcast(base, bytes, from, nullptr);
  });
}

void CpuDevice::all_reduce(Collective& collective, double* values, uint32_t count) {
  worker(Lane::host)->collect([=, &collective] { collective.all_reduce(values, count); });
}

void CpuDevice::call(HostWork& work, uint32_t item) { worker(Lane::host)->call(work, item); }

void CpuDevice::record(Lane lane, uint32_t event, uint64_t occurrence) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->record(event, occurrence);
  else
    board_.happen(event, occurrence, failures_[static_cast<std::size_t>(lane)]);
}

void CpuDevice::wait(Lane lane, uint32_t event, uint64_t occurrence) {
  if (auto* lanes_worker = worker(lane)) return lanes_worker->wait(event, occurrence);
  auto failure = board_.await(event, occurrence);
  if (failure && lane == Lane::compute) std::rethrow_exception(failure);
  fail(lane, std::move(failure));
}

void CpuDevice::fail(Lane lane, std::exception_ptr failure) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->fail(std::move(failure));
  else if (auto& first = failures_[static_cast<std::size_t>(lane)]; !first)
    first = std::move(failure);
}

void CpuDevice::note(Lane lane, double* at) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->note(at);
  else
    *at = now();
}

void CpuDevice::synchronize(uint32_t event, uint64_t occurrence) {
  if (const auto failure = board_.await(event, occurrence)) std::rethrow_exception(failure);
}

}  // namespace strata::device
