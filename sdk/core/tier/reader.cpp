#include "core/tier/reader.hpp"

#include <array>

namespace strata::tier {

using zero::Lane;

Reader::Reader(zero::Device& device, std::byte* staging, uint64_t chunk, uint32_t chunks,
               uint32_t first_event)
    : device_(device), staging_(staging), chunk_bytes_(chunk), first_event_(first_event),
      chunks_(chunks), thread_([this] { work(); }) {}

Reader::~Reader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  more_.notify_one();
  thread_.join();
}

void Reader::read(const Route& route, std::byte* to) {
  add({.kind = Job::Kind::read, .route = &route, .to = to});
}

void Reader::wait(uint32_t event, uint64_t occurrence) {
  add({.kind = Job::Kind::wait, .event = event, .occurrence = occurrence});
}

void Reader::record(uint32_t event, uint64_t occurrence) {
  add({.kind = Job::Kind::record, .event = event, .occurrence = occurrence});
}

void Reader::add(const Job& job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  more_.notify_one();
}

void Reader::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (stop_) break;
      job = jobs_.front();
    }
    try {
      read_ahead();
      carry_out(job);
    } catch (...) {
      failed_ = true;
      device_.fail(Lane::io, std::current_exception());
    }
    const std::lock_guard lock(mutex_);
    jobs_.pop_front();
    ahead_read_ = ahead_job_ == 0 ? 0 : ahead_read_;
    ahead_job_ -= ahead_job_ == 0 ? 0 : 1;
  }
  drain();
}

// Issues reads of this job and of later ones while there are chunks for them.
void Reader::read_ahead() {
  while (!failed_ && issued_ < copied_ + chunks_.size()) {
    const Route* route = nullptr;
    {
      const std::lock_guard lock(mutex_);
      while (ahead_job_ < jobs_.size()) {
        const auto& job = jobs_[ahead_job_];
        if (job.kind == Job::Kind::read && ahead_read_ < job.route->reads.size()) {
          route = job.route;
          break;
        }
        ++ahead_job_;
        ahead_read_ = 0;
      }
    }
    if (!route || !submit(*route, ahead_read_)) return;
    ++ahead_read_;
  }
}

// False where the tier's queue is full.
bool Reader::submit(const Route& route, uint32_t read) {
  const auto at = issued_ % chunks_.size();
  auto& chunk = chunks_[at];
  if (chunk.copied > 0) device_.synchronize(first_event_ + static_cast<uint32_t>(at), chunk.copied);
  const auto& part = route.reads[read];
  const Transfer transfer{.region = part.region,
                          .offset = part.offset,
                          .bytes = part.bytes,
                          .memory = memory(at),
                          .cookie = issued_};
  if (route.tier->submit({&transfer, 1}) == 0) return false;
  chunk.route = &route;
  chunk.landed = false;
  ++issued_;
  return true;
}

void Reader::carry_out(const Job& job) {
  switch (job.kind) {
    case Job::Kind::wait:
      return device_.wait(Lane::io, job.event, job.occurrence);
    case Job::Kind::record:
      return device_.record(Lane::io, job.event, job.occurrence);
    case Job::Kind::read:
      for (uint32_t read = 0; !failed_ && read < job.route->reads.size(); ++read)
        copy_next(*job.route, read, job.to);
  }
}

// The oldest read that is not copied is `read` of `route`.
void Reader::copy_next(const Route& route, uint32_t read, std::byte* to) {
  read_ahead();
  const auto at = copied_ % chunks_.size();
  auto& chunk = chunks_[at];
  while (!chunk.landed) land(*route.tier, -1);
  const auto& part = route.reads[read];
  for (uint32_t p = part.first; p < part.first + part.pieces; ++p) {
    const auto& piece = route.pieces[p];
    device_.copy(Lane::io, to + piece.to, memory(at) + piece.from, piece.bytes);
  }
  chunk.route = nullptr;
  device_.record(Lane::io, first_event_ + static_cast<uint32_t>(at), ++chunk.copied);
  ++copied_;
}

void Reader::land(Tier& tier, int64_t nanoseconds) {
  std::array<Completion, 16> done{};
  const auto count = tier.poll(done, nanoseconds);
  std::exception_ptr failure;
  for (std::size_t d = 0; d < count; ++d) {
    chunks_[done[d].cookie % chunks_.size()].landed = true;
    if (done[d].error && !failure) failure = done[d].error;
  }
  if (failure) std::rethrow_exception(failure);
}

// What is in flight writes into the staging ring: it must land before the ring is gone.
void Reader::drain() {
  for (; copied_ < issued_; ++copied_) {
    auto& chunk = chunks_[copied_ % chunks_.size()];
    while (chunk.route && !chunk.landed) {
      try {
        land(*chunk.route->tier, -1);
      } catch (...) {
        chunk.landed = true;  // a failed read landed too; which one does not matter any more
      }
    }
  }
}

}  // namespace strata::tier
