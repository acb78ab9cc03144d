// The host's side of a tier: an opened offload plugin, its regions and its transfers.
#pragma once
#include <strata/abi/offload.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"

namespace strata::tier {

// The requirements of a tier for its transfers; see strata_limits.
struct Limits {
  std::uint64_t align, max_io;  // max_io is a multiple of align
  std::uint64_t capacity, queue_depth;
};

class Tier;

// A region of a tier. Its destructor frees it; destroy it before its tier, with nothing of it in
// flight. Movable.
class Region {
 public:
  Region() = default;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  ~Region();

  std::uint64_t id() const { return id_; }
  std::uint64_t bytes() const { return bytes_; }
  // The region as host memory, or null where the tier has none.
  std::byte* memory() const { return memory_; }
  // For messages: the file that it is bound to, or "region 3".
  const std::string& name() const { return name_; }
  // The offset in the file at which it begins; 0 for a new region.
  std::uint64_t file_offset() const { return file_offset_; }
  explicit operator bool() const { return tier_ != nullptr; }

 private:
  friend class Tier;
  Tier* tier_ = nullptr;
  std::uint64_t id_ = 0, bytes_ = 0, file_offset_ = 0;
  std::byte* memory_ = nullptr;
  std::string name_;
};

// One read (region to memory) or write. Offset, bytes and memory are multiples of limits().align;
// the last block may reach past the region's end up to the next such multiple, where the bytes in
// memory are undefined.
struct Transfer {
  std::uint32_t op = STRATA_READ;  // STRATA_READ, STRATA_WRITE
  std::uint32_t priority = 0;      // 0 goes first
  const Region* region = nullptr;  // alive until the transfer is done, as is memory
  std::uint64_t offset = 0, bytes = 0;
  void* memory = nullptr;
  std::uint64_t cookie = 0;  // the caller's, given back
  void* stream = nullptr;    // only for an ordered tier
  strata_device device{STRATA_CPU, 0};
};

struct Completion {
  std::uint64_t cookie = 0, bytes = 0;  // bytes moved, those past the region's end not counted
  std::exception_ptr error;             // a strata::Error with tier, file or region, and offset
};

// A place that takes transfers and tells when they are done. Used by one thread at a time.
class Transfers {
 public:
  virtual ~Transfers() = default;
  virtual const std::string& name() const = 0;
  // Submits the transfers from the first on, without blocking, and returns the number accepted:
  // fewer than given when the queue is full.
  virtual std::size_t submit(std::span<const Transfer> transfers) = 0;
  // Fills `out` from its start; waits at most `ns` for the first (-1: as long as the patience
  // lasts). Returns at once when nothing is in flight.
  virtual std::size_t poll(std::span<Completion> out, std::int64_t ns) = 0;
};

// Make and free regions on the main thread; submit and poll belong to one I/O thread at a time.
// Failures are strata::Error: "offload/<name>: <plugin's words>". A tier that breaks the rules of
// its transfers (it finishes one twice, or one that it never got) gets no further calls: nobody
// knows which transfers it still moves, and their memory must stay until the tier is closed.
class Tier : public Transfers {
 public:
  // Opens the plugin's tier. `table`, `options` and `host` outlive it. Refuses a table without a
  // required function and names it. Throws UsageError where the plugin refuses `options`.
  // `patience`: the longest time in which it may finish no transfer; 0: forever.
  Tier(std::string name, const strata_offload* table, const strata_config* options,
       const strata_host* host, std::chrono::seconds patience = std::chrono::seconds(60));
  Tier(const Tier&) = delete;
  Tier& operator=(const Tier&) = delete;
  ~Tier() override;  // waits for transfers in flight, unless it broke the patience

  const std::string& name() const override { return name_; }
  const Limits& limits() const { return limits_; }
  bool makes_regions() const;
  bool binds_files() const;

  Region new_region(std::uint64_t bytes);
  // Binds part of a file as a region, read in place; `offset` is a multiple of limits().align.
  Region bind(const std::string& file, std::uint64_t offset, std::uint64_t bytes);
  // Announces memory that transfers will use, or withdraws it; does nothing where the tier has no
  // function for it.
  void announce(std::span<std::byte> memory, strata_device device, bool on);

  std::size_t submit(std::span<const Transfer> transfers) override;
  std::size_t poll(std::span<Completion> out, std::int64_t ns) override;
  std::size_t in_flight() const { return flying_; }
  // Whether it broke the rules or the patience: its transfers may still write to their memory.
  bool broken() const { return broken_; }

  // Does one transfer of any size, complete when the call returns; throws its error. Nothing else
  // may be in flight.
  void move(const Transfer& transfer);

  // Bytes counted at completion. Call it on the I/O thread.
  std::uint64_t bytes_read() const { return read_; }

 private:
  friend class Region;
  template <class F>
  strata_status ask(const char* function, F&& f, plugin::Pace pace = plugin::Pace::quick) const {
    return plugin::called(who_, function, std::forward<F>(f), pace);
  }
  [[noreturn]] void break_off(const std::string& fact);
  void check_broken() const;
  std::uint32_t poll_once(std::uint32_t cap, std::int64_t ns);
  // The plugin's words, else `what`, about the subject.
  Error failure(std::string_view what, std::string_view subject) const;
  [[noreturn]] void fail(std::string_view what, std::string_view subject) const;
  void need(bool there, std::string_view function) const;
  void read_limits();
  Region adopt(std::uint64_t id, std::uint64_t bytes, std::string name, std::uint64_t offset);
  Completion settle(const strata_done& done);

  std::string name_, who_;
  std::chrono::seconds patience_;
  const strata_offload* table_;
  const strata_host* host_;
  strata_self* self_ = nullptr;
  Limits limits_{};
  // A transfer's cookie for the plugin is its place here.
  std::vector<Transfer> slots_;
  std::vector<bool> used_;
  std::vector<std::size_t> free_;
  std::vector<strata_done> done_;
  std::size_t flying_ = 0;
  bool broken_ = false, stuck_ = false;
  std::set<std::uint64_t> made_;  // regions that region_new gave and that are not freed
  std::uint64_t read_ = 0;
};

// Memory announced to a tier until this object is destroyed.
class Announced {
 public:
  Announced(Tier& tier, std::span<std::byte> memory, strata_device device);
  Announced(Announced&& other) noexcept;
  Announced& operator=(Announced&&) = delete;
  ~Announced();

 private:
  Tier* tier_;
  std::span<std::byte> memory_;
  strata_device device_;
};

}  // namespace strata::tier
