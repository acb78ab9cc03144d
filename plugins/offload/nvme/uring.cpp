#include <liburing.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <strata/plugin.hpp>
#include <thread>

#include "engine.hpp"

namespace {

using strata::Failure;

class Uring : public Engine {
 public:
  explicit Uring(unsigned depth) {
    const int error = ::io_uring_queue_init(depth, &ring_, IORING_SETUP_CLAMP);
    if (error < 0)
      throw Failure(
          STRATA_UNIMPLEMENTED,
          "io_uring refused (" + std::string(std::strerror(-error)) + "): set engine = \"pread\"");
    // Without EXT_ARG a wait with a timeout submits by itself, and the number of submitted entries
    // is unknown.
    if ((ring_.features & IORING_FEAT_EXT_ARG) != 0) return;
    ::io_uring_queue_exit(&ring_);
    throw Failure(STRATA_UNIMPLEMENTED, "io_uring: this kernel is too old: set engine = \"pread\"");
  }
  ~Uring() override {
    Finished some[16];
    while (in_kernel() > 0) take(some, -1);
    ::io_uring_queue_exit(&ring_);
  }

  void start(Transfer& t) override {
    if (instead_) return instead_->start(t), void(++instead_flying_);
    auto* entry = ::io_uring_get_sqe(&ring_);
    if (!entry) {  // the submission queue is full of unsent entries
      send();
      entry = ::io_uring_get_sqe(&ring_);
    }
    if (!entry) throw Failure(STRATA_INTERNAL, "io_uring: no entry left below its depth");
    if (t.write)
      ::io_uring_prep_write(entry, t.descriptor, t.memory, t.bytes, t.offset);
    else
      ::io_uring_prep_read(entry, t.descriptor, t.memory, t.bytes, t.offset);
    ::io_uring_sqe_set_data(entry, &t);
    ++flying_;
    unsent_.push_back(&t);
  }

  void send() noexcept override {
    if (instead_) return;
    while (::io_uring_sq_ready(&ring_) > 0) {
      const int sent = ::io_uring_submit(&ring_);
      if (sent > 0) {
        unsent_.erase(unsent_.begin(), unsent_.begin() + sent);
        refusals_ = 0;
        continue;
      }
      const bool later = sent == 0 || sent == -EAGAIN || sent == -EBUSY || sent == -EINTR;
      refusals_ = later ? refusals_ + 1 : most_refusals;
      refused_ = -sent;
      // Transfers in the kernel make room when they end; if there are none, the submission is tried
      // again a bounded number of times.
      if (refusals_ >= most_refusals || in_kernel() > 0) return;
      std::this_thread::yield();
    }
  }

  std::uint32_t finish(std::span<Finished> out, std::int64_t ns) override {
    send();
    if (refusals_ >= most_refusals && !instead_) go_on_without();
    if (instead_ && in_kernel() == 0) {
      const auto n = instead_flying_ == 0 ? 0 : instead_->finish(out, ns);
      instead_flying_ -= n;
      return n;
    }
    return take(out, ns);
  }

 private:
  static constexpr unsigned most_refusals = 1000;

  // The number of started transfers that the kernel has taken.
  std::size_t in_kernel() const { return flying_ - unsent_.size(); }

  // The kernel takes no more entries of this ring: threads carry out those that it did not take,
  // and all later transfers. The ring is not submitted again.
  void go_on_without() {
    strata::log_line(STRATA_WARN, "io_uring takes no transfers (" +
                                      std::string(std::strerror(refused_)) +
                                      "): read by threads from here on");
    instead_ = make_workers(4);
    flying_ -= unsent_.size();
    for (auto* t : unsent_) instead_->start(*t), ++instead_flying_;
    unsent_.clear();
  }

  std::uint32_t take(std::span<Finished> out, std::int64_t ns) {
    io_uring_cqe* first = nullptr;
    if (::io_uring_peek_cqe(&ring_, &first) != 0 && ns != 0) {
      __kernel_timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
      ::io_uring_wait_cqe_timeout(&ring_, &first, ns < 0 ? nullptr : &limit);
    }
    std::uint32_t n = 0;
    for (; n < out.size() && ::io_uring_peek_cqe(&ring_, &first) == 0 && first; ++n, --flying_) {
      out[n] = {static_cast<Transfer*>(::io_uring_cqe_get_data(first)), first->res};
      ::io_uring_cqe_seen(&ring_, first);
    }
    return n;
  }

  io_uring ring_{};
  std::size_t flying_ = 0, instead_flying_ = 0;
  std::deque<Transfer*> unsent_;  // entries in the ring that the kernel has not taken, in order
  unsigned refusals_ = 0;         // consecutive submissions that took nothing
  int refused_ = 0;               // errno of the last of them
  std::unique_ptr<Engine> instead_;
};

}  // namespace

std::unique_ptr<Engine> make_uring(unsigned depth) { return std::make_unique<Uring>(depth); }
