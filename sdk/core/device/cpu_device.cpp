#include "core/device/cpu_device.hpp"

#include <cstring>
#include <deque>
#include <thread>

#include "core/error.hpp"

namespace strata::device {

// A thread that does the work of one lane in order.
class CpuDevice::Worker {
 public:
  struct Job {
    enum class Kind : uint8_t { copy, gather, record, wait, fail, note } kind = Kind::copy;
    uint32_t event = 0;
    uint64_t number = 0;  // bytes, or the event's occurrence
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    Collective* collective = nullptr;
    double* at = nullptr;
    std::exception_ptr failure{};
  };

  explicit Worker(EventBoard& board) : board_(board), thread_([this] { work(); }) {}

  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    more_.notify_one();
    thread_.join();
  }

  void add(Job job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    more_.notify_one();
  }

 private:
  void work() {
    std::exception_ptr failure;
    for (;;) {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      try {
        carry_out(job, failure);
      } catch (...) {
        failure = std::current_exception();  // nothing runs behind an earlier one
      }
    }
  }

  void carry_out(const Job& job, std::exception_ptr& failure) {
    switch (job.kind) {
      case Job::Kind::record:
        return board_.happen(job.event, job.number, failure);
      case Job::Kind::fail:
        if (!failure) failure = job.failure;
        return;
      case Job::Kind::wait:
        if (auto theirs = board_.await(job.event, job.number); theirs && !failure) failure = theirs;
        return;
      case Job::Kind::note:
        *job.at = now();
        return;
      case Job::Kind::copy:
        if (!failure) std::memcpy(job.to, job.from, job.number);
        return;
      case Job::Kind::gather:
        if (!failure) job.collective->all_gather(job.to, job.number);
        return;
    }
  }

  EventBoard& board_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> jobs_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

CpuDevice::CpuDevice(uint32_t events) : board_(events) {
  for (const auto lane : {Lane::copy, Lane::comm})
    workers_[static_cast<std::size_t>(lane)] = std::make_unique<Worker>(board_);
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
    lanes_worker->add({.kind = Worker::Job::Kind::copy, .number = bytes, .to = to, .from = from});
  else if (!failures_[static_cast<std::size_t>(lane)])
    std::memcpy(to, from, bytes);
}

void CpuDevice::gather(Collective& collective, std::byte* base, uint64_t shard) {
  worker(Lane::comm)
      ->add({.kind = Worker::Job::Kind::gather,
             .number = shard,
             .to = base,
             .collective = &collective});
}

void CpuDevice::record(Lane lane, uint32_t event, uint64_t occurrence) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->add({.kind = Worker::Job::Kind::record, .event = event, .number = occurrence});
  else
    board_.happen(event, occurrence, failures_[static_cast<std::size_t>(lane)]);
}

void CpuDevice::wait(Lane lane, uint32_t event, uint64_t occurrence) {
  if (auto* lanes_worker = worker(lane))
    return lanes_worker->add(
        {.kind = Worker::Job::Kind::wait, .event = event, .number = occurrence});
  auto failure = board_.await(event, occurrence);
  if (failure && lane == Lane::compute) std::rethrow_exception(failure);
  fail(lane, std::move(failure));
}

void CpuDevice::fail(Lane lane, std::exception_ptr failure) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->add({.kind = Worker::Job::Kind::fail, .failure = std::move(failure)});
  else if (auto& first = failures_[static_cast<std::size_t>(lane)]; !first)
    first = std::move(failure);
}

void CpuDevice::note(Lane lane, double* at) {
  if (auto* lanes_worker = worker(lane))
    lanes_worker->add({.kind = Worker::Job::Kind::note, .at = at});
  else
    *at = now();
}

void CpuDevice::synchronize(uint32_t event, uint64_t occurrence) {
  if (const auto failure = board_.await(event, occurrence)) std::rethrow_exception(failure);
}

}  // namespace strata::device
