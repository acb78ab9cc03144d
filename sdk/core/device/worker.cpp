#include "core/device/worker.hpp"

#include <cstring>
#include <utility>

namespace strata::device {

Worker::Worker(Await await, Happen happen)
    : await_(std::move(await)), happen_(std::move(happen)), thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  more_.notify_one();
  thread_.join();
}

void Worker::copy(std::byte* to, const std::byte* from, uint64_t bytes) {
  add({.kind = Job::Kind::copy, .number = bytes, .to = to, .from = from});
}
void Worker::collect(std::function<void()> work) {
  add({.kind = Job::Kind::collect, .collect = std::move(work)});
}
void Worker::call(HostWork& work, uint32_t item) {
  add({.kind = Job::Kind::call, .event = item, .host_work = &work});
}
void Worker::record(uint32_t event, uint64_t occurrence) {
  add({.kind = Job::Kind::record, .event = event, .number = occurrence});
}
void Worker::wait(uint32_t event, uint64_t occurrence) {
  add({.kind = Job::Kind::wait, .event = event, .number = occurrence});
}
void Worker::fail(std::exception_ptr failure) {
  add({.kind = Job::Kind::fail, .failure = std::move(failure)});
}
void Worker::note(double* at) { add({.kind = Job::Kind::note, .at = at}); }

void Worker::add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  more_.notify_one();
}

void Worker::work() {
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

void Worker::carry_out(const Job& job, std::exception_ptr& failure) {
  switch (job.kind) {
    case Job::Kind::record:
      return happen_(job.event, job.number, failure);
    case Job::Kind::fail:
      if (!failure) failure = job.failure;
      return;
    case Job::Kind::wait:
      if (auto theirs = await_(job.event, job.number); theirs && !failure) failure = theirs;
      return;
    case Job::Kind::note:
      *job.at = now();
      return;
    case Job::Kind::copy:
      if (!failure) std::memcpy(job.to, job.from, job.number);
      return;
    case Job::Kind::collect:
      if (!failure) job.collect();
      return;
    case Job::Kind::call:
      if (!failure) job.host_work->work(job.event);
      return;
  }
}

}  // namespace strata::device
