#include "core/tier/exchange.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "core/plugin/host.hpp"

namespace strata::tier {
namespace {

// A transfer that arrives while the tier is polled waits for so long at most.
constexpr std::int64_t slice = 100'000;  // ns
// After so many polls without a completion the tier's own patience decides.
constexpr std::uint64_t silent = 10'000;

}  // namespace

Exchange::Exchange(Tier& tier) : tier_(tier), thread_([this] { work(); }) {}

Exchange::~Exchange() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  more_.notify_one();
  thread_.join();
}

Transfers& Exchange::open_port() {
  const std::lock_guard lock(mutex_);
  return *ports_.emplace_back(std::make_unique<Port>(*this));
}

std::size_t Exchange::Port::submit(std::span<const Transfer> transfers) {
  {
    const std::lock_guard lock(exchange_.mutex_);
    for (const auto& transfer : transfers) exchange_.waiting_.push_back({transfer, this});
    open_ += transfers.size();
  }
  exchange_.more_.notify_one();
  return transfers.size();
}

std::size_t Exchange::Port::poll(std::span<Completion> out, std::int64_t ns) {
  std::unique_lock lock(exchange_.mutex_);
  if (out.empty() || open_ == 0) return 0;
  const auto some = [this] { return !done_.empty(); };
  if (ns < 0)
    ended_.wait(lock, some);
  else
    ended_.wait_for(lock, std::chrono::nanoseconds(ns), some);
  const auto count = std::min(out.size(), done_.size());
  for (std::size_t i = 0; i < count; ++i, done_.pop_front()) out[i] = std::move(done_.front());
  open_ -= count;
  return count;
}

void Exchange::work() {
  const plugin::ThreadRole role(STRATA_IO_THREAD);
  for (;;) {
    if (free_.size() == flying_.size()) {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
    }
    send();
    receive();
  }
}

// Submits what waits, as far as the tier takes it.
void Exchange::send() {
  for (;;) {
    Job job;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      job = waiting_.front();
    }
    if (free_.empty()) {
      free_.push_back(flying_.size());
      flying_.emplace_back();
    }
    const auto place = free_.back();
    free_.pop_back();
    flying_[place] = job;
    auto transfer = job.transfer;
    transfer.cookie = place;
    std::exception_ptr error;
    bool taken = false;
    try {
      taken = tier_.submit({&transfer, 1}) == 1;
    } catch (...) {
      error = std::current_exception();
    }
    if (!taken && !error) {
      free_.push_back(place);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      waiting_.pop_front();
    }
    if (error) end(place, 0, error);
  }
}

void Exchange::receive() {
  if (free_.size() == flying_.size()) return;
  std::array<Completion, 16> done{};
  std::size_t count = 0;
  try {
    count = tier_.poll(done, silent_polls_ < silent ? slice : -1);
  } catch (...) {
    return give_up(std::current_exception());
  }
  silent_polls_ = count > 0 ? 0 : silent_polls_ + 1;
  for (std::size_t i = 0; i < count; ++i) end(done[i].cookie, done[i].bytes, done[i].error);
}

void Exchange::end(std::size_t flying, std::uint64_t bytes, std::exception_ptr error) {
  auto& [transfer, port] = flying_[flying];
  {
    const std::lock_guard lock(mutex_);
    port->done_.push_back({transfer.cookie, bytes, std::move(error)});
  }
  port->ended_.notify_one();
  port = nullptr;
  free_.push_back(flying);
}

// Fails what the tier has: it is not asked again.
void Exchange::give_up(std::exception_ptr error) {
  for (std::size_t i = 0; i < flying_.size(); ++i)
    if (flying_[i].port) end(i, 0, error);
}

}  // namespace strata::tier
