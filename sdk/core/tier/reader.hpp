// Lane io: it reads routes into a page-locked staging ring and copies them piece by piece to their
// places.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/device/device.hpp"
#include "core/tier/client.hpp"
#include "core/tier/route.hpp"

namespace strata::tier {

// Reads run ahead of the copies as far as the staging ring has chunks, also while a copy waits for
// a slot, but not past an event that they wait for themselves. The first read in order that fails
// makes lane io fail: events recorded behind it carry its failure, and every recorded event
// happens. One thread adds jobs; the reader's own thread, which is the tiers' I/O thread, does them
// in order.
class Reader {
 public:
  // `staging` holds `chunks` chunks of `chunk` bytes; the device's events from `first_event` on,
  // one for each chunk, are the reader's.
  Reader(device::Device& device, std::byte* staging, uint64_t chunk, uint32_t chunks,
         uint32_t first_event);
  // Drops jobs that have not begun, so that their events fail, and waits for reads in flight.
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // `route` lives until an event recorded behind it has happened, or the reader is gone; its form
  // begins at `to`.
  void read(const Route& route, std::byte* to);
  void wait(uint32_t event, uint64_t occurrence);
  // Reads that are added later begin when the event has happened: their bytes are there then.
  void wait_to_read(uint32_t event, uint64_t occurrence);
  void record(uint32_t event, uint64_t occurrence);
  // Writes to `at` the time, in seconds of device::now(), at which the work up to here is done.
  void note(double* at);

 private:
  struct Job {
    enum class Kind : uint8_t { read, wait, wait_to_read, record, note } kind = Kind::read;
    const Route* route = nullptr;
    std::byte* to = nullptr;
    uint32_t event = 0;
    uint64_t occurrence = 0;
    double* at = nullptr;
  };
  struct Chunk {
    Transfers* tier = nullptr;  // the tier that is reading into it
    uint64_t copied = 0;        // occurrence of the chunk's event
    bool landed = false;
    std::exception_ptr failure;  // of the read
  };

  void add(const Job& job);
  void work();
  void read_ahead();
  bool submit(const Route& route, uint32_t read);
  void carry_out(const Job& job);
  void copy(const Route& route, std::byte* to);
  void copy_next(const Route& route, uint32_t read, std::byte* to);
  void land(Transfers& tier);
  void fail(std::exception_ptr failure);
  void drain();
  std::byte* memory(uint64_t chunk) const { return staging_ + chunk_bytes_ * chunk; }

  device::Device& device_;
  std::byte* staging_;
  uint64_t chunk_bytes_;
  uint32_t first_event_;
  std::vector<Chunk> chunks_;
  // Counts of reads; the chunk of a read is its number modulo the number of chunks.
  uint64_t issued_ = 0, copied_ = 0;
  std::exception_ptr refused_;  // why the next read could not be issued

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> jobs_;
  std::size_t ahead_job_ = 0;  // the job whose reads are issued next, counted from the front
  bool stop_ = false;
  uint32_t ahead_read_ = 0;  // the next read of that job; only for the reader's thread, as failed_
  bool failed_ = false;
  std::thread thread_;
};

}  // namespace strata::tier
