// The engine that carries out transfers: io_uring, or threads that call pread and pwrite.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

// One read or write of a file. Its owner keeps it in place until it is finished.
struct Transfer {
  bool write;
  int descriptor;
  std::uint64_t offset;
  void* memory;
  std::uint32_t bytes;
};

struct Finished {
  Transfer* transfer;
  std::int32_t result;  // bytes, maybe fewer than asked for; or -errno
};

// Used by one thread at a time.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  virtual ~Engine() = default;  // waits for what is in flight: its memory may be freed after
  // Takes the transfer without blocking; the owner keeps to the depth.
  virtual void start(Transfer&) = 0;
  // Submits the transfers that were started. It does not block.
  virtual void send() noexcept = 0;
  // Returns up to out.size() finished transfers; waits at most `ns` for the first (-1: for ever).
  // At least one must be in flight. May return 0 early.
  virtual std::uint32_t finish(std::span<Finished> out, std::int64_t ns) = 0;
};

// Throws strata::Failure(STRATA_UNIMPLEMENTED) if the kernel refuses io_uring.
std::unique_ptr<Engine> make_uring(unsigned depth);
std::unique_ptr<Engine> make_workers(unsigned threads);
