#include "core/tier/reader.hpp"

#include <array>

#include "core/error.hpp"
#include "core/plugin/host.hpp"

namespace strata::tier {

using device::Lane;

Reader::Reader(device::Device& device, std::byte* staging, uint64_t chunk, uint32_t chunks,
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

void Reader::wait_to_read(uint32_t event, uint64_t occurrence) {
  add({.kind = Job::Kind::wait_to_read, .event = event, .occurrence = occurrence});
}

void Reader::record(uint32_t event, uint64_t occurrence) {
  add({.kind = Job::Kind::record, .event = event, .occurrence = occurrence});
}

void Reader::note(double* at) { add({.kind = Job::Kind::note, .at = at}); }

void Reader::add(const Job& job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  more_.notify_one();
}

void Reader::work() {
  const plugin::ThreadRole role(STRATA_IO_THREAD);
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty()) break;
      // Events still happen: other lanes may wait for them.
      if (stop_ && !failed_) fail(std::make_exception_ptr(Error("reader", "it was stopped", "")));
      job = jobs_.front();
    }
    try {
      carry_out(job);
    } catch (...) {
      fail(std::current_exception());
    }
    const std::lock_guard lock(mutex_);
    jobs_.pop_front();
    if (ahead_job_ > 0)
      --ahead_job_;
    else
      ahead_read_ = 0;
  }
  drain();
}

void Reader::fail(std::exception_ptr failure) {
  failed_ = true;
  device_.fail(Lane::io, std::move(failure));
}

// Issues reads of this job and of later ones while there are chunks for them. A failure belongs to
// the read that could not be issued; copy_next throws it when that read's turn comes.
void Reader::read_ahead() {
  while (!failed_ && !refused_ && issued_ < copied_ + chunks_.size()) {
    const Route* route = nullptr;
    {
      const std::lock_guard lock(mutex_);
      for (; ahead_job_ < jobs_.size(); ++ahead_job_, ahead_read_ = 0) {
        const auto& job = jobs_[ahead_job_];
        if (job.kind == Job::Kind::wait_to_read) return;
        if (job.kind != Job::Kind::read || ahead_read_ == job.route->reads.size()) continue;
        route = job.route;
        break;
      }
    }
    if (!route) return;
    try {
      if (!submit(*route, ahead_read_)) return;
    } catch (...) {
      refused_ = std::current_exception();
      return;
    }
    ++ahead_read_;
  }
}

// Submits a read; false where the tier's queue is full.
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
  chunk = {.tier = route.tier, .copied = chunk.copied, .landed = false, .failure = nullptr};
  ++issued_;
  return true;
}

void Reader::carry_out(const Job& job) {
  switch (job.kind) {
    case Job::Kind::wait:
      read_ahead();
      if (!failed_) device_.wait(Lane::io, job.event, job.occurrence);
      return;
    case Job::Kind::wait_to_read:
      if (!failed_) device_.synchronize(job.event, job.occurrence);
      return;
    case Job::Kind::record:
      return device_.record(Lane::io, job.event, job.occurrence);
    case Job::Kind::note:
      return device_.note(Lane::io, job.at);
    case Job::Kind::read:
      return copy(*job.route, job.to);
  }
}

void Reader::copy(const Route& route, std::byte* to) {
  for (uint32_t read = 0; !failed_ && read < route.reads.size(); ++read) copy_next(route, read, to);
}

// Copies the oldest read that is not copied yet: `read` of `route`.
void Reader::copy_next(const Route& route, uint32_t read, std::byte* to) {
  read_ahead();
  if (copied_ == issued_ && refused_) std::rethrow_exception(refused_);
  if (copied_ == issued_)
    throw Error("offload/" + route.tier->name(), "it takes no read though it has none to do",
                "report this to the plugin's vendor");
  const auto at = copied_ % chunks_.size();
  auto& chunk = chunks_[at];
  while (!chunk.landed) land(*chunk.tier);
  ++copied_;
  if (chunk.failure) std::rethrow_exception(chunk.failure);
  const auto& part = route.reads[read];
  for (uint32_t p = part.first; p < part.first + part.pieces; ++p) {
    const auto& piece = route.pieces[p];
    device_.copy(Lane::io, to + piece.to, memory(at) + piece.from, piece.bytes);
  }
  device_.record(Lane::io, first_event_ + static_cast<uint32_t>(at), ++chunk.copied);
}

void Reader::land(Transfers& tier) {
  std::array<Completion, 16> done{};
  const auto count = tier.poll(done, -1);
  for (std::size_t d = 0; d < count; ++d) {
    auto& chunk = chunks_[done[d].cookie % chunks_.size()];
    chunk.landed = true;
    chunk.failure = done[d].error;
  }
}

// Waits for reads in flight: they write into the staging ring and must land before the ring is
// gone. A tier that fails here waits for its own when it is closed.
void Reader::drain() {
  for (; copied_ < issued_; ++copied_) {
    auto& chunk = chunks_[copied_ % chunks_.size()];
    try {
      while (!chunk.landed) land(*chunk.tier);
    } catch (...) {
      fail(std::current_exception());
    }
  }
}

}  // namespace strata::tier
