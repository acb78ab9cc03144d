#include <liburing.h>

#include <cstring>
#include <strata/plugin.hpp>

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
  }
  ~Uring() override {
    Finished some[16];
    while (flying_ > 0 && broken_ == 0) take(some, -1);
    ::io_uring_queue_exit(&ring_);
  }

  void start(Transfer& t) override {
    auto* entry = ::io_uring_get_sqe(&ring_);
    if (!entry) {  // the ring is as full of unsent ones as the kernel allows
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
  }

  void send() noexcept override {
    if (::io_uring_sq_ready(&ring_) == 0) return;
    const int sent = ::io_uring_submit(&ring_);
    // Those that were not taken stay in the ring and go with the next call.
    if (sent < 0 && sent != -EAGAIN && sent != -EBUSY && sent != -EINTR) broken_ = -sent;
  }

  std::uint32_t finish(std::span<Finished> out, std::int64_t ns) override {
    send();
    if (broken_ != 0)
      throw Failure(STRATA_INTERNAL, "io_uring: " + std::string(std::strerror(broken_)) +
                                         ": set engine = \"pread\"");
    return take(out, ns);
  }

 private:
  std::uint32_t take(std::span<Finished> out, std::int64_t ns) {
    io_uring_cqe* first = nullptr;
    if (::io_uring_peek_cqe(&ring_, &first) != 0 && ns != 0) {
      send();
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
  unsigned flying_ = 0;
  int broken_ = 0;  // errno of a submission that the kernel will not take
};

}  // namespace

std::unique_ptr<Engine> make_uring(unsigned depth) { return std::make_unique<Uring>(depth); }
