// The tier of files on a local disk: checkpoints are read in place, and new regions lie in nameless
// scratch files.
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <strata/offload.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "file.hpp"

namespace {

using strata::Failure;

constexpr strata::OptionKey option_keys[] = {
    {"dir", "text", "", "folder for regions that are no checkpoint's"},
    {"engine", "text", "auto", "auto, uring or pread"},
    {"direct", "flag", "", "past the page cache: true insists, false does without"},
    {"align", "size", "4096", "alignment of offsets and memory, a power of two"},
    {"max_io", "size", "8MiB", "bytes of one transfer"},
    {"queue_depth", "integer", "32", "transfers that the kernel has at once"},
    {"threads", "integer", "4", "threads of engine pread"},
};

class Nvme {
 public:
  static std::span<const strata::OptionKey> keys() { return option_keys; }
  static int score(const strata::Config& options) {
    Settings settings(options);
    return 3;
  }
  explicit Nvme(const strata::Config& options)
      : settings_(options), slots_(2UL * settings_.depth), engine_(make_engine(settings_)) {
    for (std::size_t i = slots_.size(); i-- > 0;) free_.push_back(i);
  }

  strata_limits limits() const {
    return {{}, settings_.align, settings_.max_io, capacity, 0, slots_.size()};
  }

  std::uint64_t region_new(std::uint64_t bytes) {
    if (settings_.dir.empty())
      throw Failure(STRATA_INVALID, "no folder for new regions: set dir or give --offload-dir DIR");
    const auto room = room_of(bytes);
    if (bytes == 0 || bytes > capacity || scratch_end_ > capacity - room)
      throw Failure(STRATA_INVALID, "a region of " + std::to_string(bytes) +
                                        " bytes: ask for 1 to " +
                                        std::to_string(capacity - scratch_end_));
    std::uint64_t base = 0;
    if (const auto spare = spare_.find(room); spare != spare_.end()) {
      base = spare_.extract(spare).mapped();
    } else {
      if (!scratch_) scratch_ = File::scratch(settings_.dir, settings_.direct, settings_.align);
      scratch_->reserve(scratch_end_, room);
      base = std::exchange(scratch_end_, scratch_end_ + room);
    }
    ++scratch_regions_;
    return keep({scratch_, base, bytes, true});
  }

  std::uint64_t region_bind(std::string_view name, std::uint64_t offset, std::uint64_t bytes) {
    const std::string path(name);
    if (path.empty() || path.find('\0') != std::string::npos)
      throw Failure(STRATA_INVALID, "a file without a name, or with a zero byte in it");
    auto file = files_[path].lock();
    if (!file) files_[path] = file = File::read_only(path, settings_.direct, settings_.align);
    if (offset % settings_.align != 0)
      throw Failure(STRATA_INVALID, path + ": offset " + std::to_string(offset) +
                                        " is no multiple of " + std::to_string(settings_.align));
    const auto there = file->bytes();
    if (bytes == 0 || offset > there || bytes > there - offset)
      throw Failure(STRATA_INVALID, path + ": " + std::to_string(bytes) + " bytes at " +
                                        std::to_string(offset) + " asked of a file of " +
                                        std::to_string(there) + ": fetch the whole file again");
    return keep({std::move(file), offset, bytes, false});
  }

  void region_free(std::uint64_t region) {
    const std::lock_guard lock(mutex_);
    const auto at = regions_.find(region);
    if (at == regions_.end()) return;
    if (at->second.writable) {
      spare_.emplace(room_of(at->second.bytes), at->second.base);
      if (--scratch_regions_ == 0) {
        scratch_.reset();
        spare_.clear();
        scratch_end_ = 0;
      }
    }
    regions_.erase(at);
  }

  bool submit(const strata_io& io) {
    if (free_.empty()) return false;
    const auto region = find(io.region);
    strata::check_host_memory(io);
    const auto wanted = strata::check_io(io, limits(), region.bytes);
    if (io.op == STRATA_WRITE && !region.writable)
      throw Failure(STRATA_INVALID, region.file->name() + ": a bound file is never written");
    const auto slot = free_.back();
    auto& s = slots_[slot];
    s = {{io.op == STRATA_WRITE, region.file->descriptor(), region.base + io.offset, io.mem,
          static_cast<std::uint32_t>(io.bytes)},
         region.file,
         io.cookie,
         wanted,
         0};
    waiting_.emplace(io.priority, slot);
    free_.pop_back();
    return true;
  }
  void sent() noexcept {
    try {
      start_waiting();
    } catch (...) {  // the next poll tries again and reports
    }
    engine_->send();
  }

  std::uint32_t poll(std::span<strata_done> out, std::int64_t ns) {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    words_.clear();
    finished_.resize(std::min(out.size(), slots_.size()));
    for (;;) {
      start_waiting();
      if (flying_ == 0 || out.empty()) return 0;
      const auto passed = std::chrono::nanoseconds(Clock::now() - began).count();
      const auto left = ns < 0 ? -1 : std::max<std::int64_t>(ns - passed, 0);
      const auto count = engine_->finish(finished_, left);
      std::uint32_t n = 0;
      for (const auto& f : std::span(finished_).first(count))
        if (settle(f, out[n])) ++n;
      if (n > 0 || (count == 0 && left == 0)) {
        start_waiting();
        engine_->send();
        return n;
      }
    }
  }

 private:
  struct Settings {
    std::string dir, engine;
    std::optional<bool> direct;
    std::uint64_t align, max_io;
    unsigned depth, threads;
    explicit Settings(const strata::Config& c);
  };
  struct Region {
    std::shared_ptr<File> file;
    std::uint64_t base, bytes;
    bool writable;
  };
  struct Slot : Transfer {  // the rest of a request
    std::shared_ptr<File> file;
    std::uint64_t cookie, wanted, moved;
  };

  static constexpr std::uint64_t capacity = std::uint64_t{1} << 43;  // ext4's largest file is 2^44
  static constexpr std::uint32_t sent_alone = 256 << 10;  // bytes, enough to keep a disk busy

  static std::unique_ptr<Engine> make_engine(const Settings& s);
  std::uint64_t room_of(std::uint64_t bytes) const {
    return (bytes + settings_.align - 1) / settings_.align * settings_.align;
  }

  std::uint64_t keep(Region region) {
    const std::lock_guard lock(mutex_);
    regions_.emplace(++last_, std::move(region));
    return last_;
  }
  Region find(std::uint64_t region) {
    const std::lock_guard lock(mutex_);
    const auto at = regions_.find(region);
    if (at == regions_.end())
      throw Failure(STRATA_NOT_FOUND, "region " + std::to_string(region) + ": there is none");
    return at->second;
  }

  // Starts the most urgent requests, as many as the depth allows. Long reads are submitted one at a
  // time: the kernel delays a batch until its last entry is prepared and merges neighbours, which
  // helps only short reads.
  void start_waiting() {
    while (flying_ < settings_.depth && !waiting_.empty()) {
      auto& slot = slots_[waiting_.begin()->second];
      engine_->start(slot);
      waiting_.erase(waiting_.begin());
      ++flying_;
      if (slot.bytes >= sent_alone) engine_->send();
    }
  }

  bool settle(const Finished& finished, strata_done& out);
  void explain(const Slot& slot, std::int32_t result, strata_done& out);

  Settings settings_;
  std::unordered_map<std::string, std::weak_ptr<File>> files_;  // the main thread's
  // New regions lie one behind the other in one file. Freed space is kept for a region of the same
  // size, because punching a hole takes a disk milliseconds; the file is closed with its last
  // region.
  std::shared_ptr<File> scratch_;
  std::uint64_t scratch_end_ = 0, scratch_regions_ = 0;
  std::multimap<std::uint64_t, std::uint64_t> spare_;  // bytes -> offset
  std::mutex mutex_;                                   // guards the regions
  std::unordered_map<std::uint64_t, Region> regions_;
  std::uint64_t last_ = 0;
  // State of the I/O thread. A slot is free, waiting by priority, or with the engine.
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
  std::multimap<std::uint32_t, std::size_t> waiting_;
  std::size_t flying_ = 0;
  std::vector<Finished> finished_;
  std::deque<std::string> words_;   // error words of the last poll's completions
  std::unique_ptr<Engine> engine_;  // destroyed first, because its transfers lie in the slots
};

Nvme::Settings::Settings(const strata::Config& c)
    : dir(c.text("dir", "")), engine(c.text("engine", "auto")), align(c.size("align", 4096)),
      max_io(c.size("max_io", std::uint64_t{8} << 20)) {
  if (c.has("direct")) direct = c.flag("direct");
  const auto number = [&](const char* key, std::int64_t fallback, std::int64_t most) {
    const auto value = c.i64(key, fallback);
    if (value < 1 || value > most)
      throw Failure(STRATA_INVALID, std::string(key) + " = " + std::to_string(value) + ": 1 to " +
                                        std::to_string(most));
    return static_cast<unsigned>(value);
  };
  depth = number("queue_depth", 32, 4096);
  threads = number("threads", 4, 256);
  if (engine != "auto" && engine != "uring" && engine != "pread")
    throw Failure(STRATA_INVALID, "engine = '" + engine + "': auto, uring or pread");
  if (align < 512 || align > (1u << 20) || (align & (align - 1)) != 0)
    throw Failure(STRATA_INVALID,
                  "align = " + std::to_string(align) + ": a power of two from 512 to 1MiB");
  if (max_io < align || max_io > (1u << 30) || max_io % align != 0)
    throw Failure(STRATA_INVALID,
                  "max_io = " + std::to_string(max_io) + ": a multiple of align, at most 1GiB");
}

std::unique_ptr<Engine> Nvme::make_engine(const Settings& s) {
  if (s.engine != "pread") {
    try {
      return make_uring(s.depth);
    } catch (const Failure& e) {
      if (s.engine == "uring") throw;
      strata::log_line(STRATA_INFO, e.what());
    }
  }
  return make_workers(s.threads);
}

// Handles one result of the engine: returns true if the transfer is over; otherwise the rest of it
// was started again.
bool Nvme::settle(const Finished& finished, strata_done& out) {
  auto& s = static_cast<Slot&>(*finished.transfer);
  --flying_;
  const bool again = finished.result == -EINTR || finished.result == -EAGAIN;
  if (finished.result > 0) {
    const auto moved = static_cast<std::uint32_t>(finished.result);
    s.moved += moved;
    s.offset += moved;
    s.bytes -= moved;
    s.memory = static_cast<std::byte*>(s.memory) + moved;
  }
  // O_DIRECT ends inside a block only where the file ends.
  const bool ended = finished.result == 0 || (s.file->direct() && s.moved % settings_.align != 0);
  if (again || (finished.result > 0 && s.moved < s.wanted && !ended)) {
    engine_->start(s);
    ++flying_;
    return false;
  }
  out = {s.cookie, std::min(s.moved, s.wanted), {}, STRATA_OK, 0};
  if (s.moved < s.wanted)
    explain(s, finished.result, out);
  else
    s.file->forget(s.offset - s.moved, s.moved);
  s.file.reset();
  free_.push_back(static_cast<std::size_t>(&s - slots_.data()));
  return true;
}

void Nvme::explain(const Slot& s, std::int32_t result, strata_done& out) {
  const auto where = s.file->name() + ": offset " + std::to_string(s.offset) + ": ";
  if (result >= 0) {
    out.status = STRATA_DATA_LOSS;
    words_.push_back(where + "the file ends here, " + std::to_string(s.wanted - s.moved) +
                     " bytes early: it changed while in use; fetch it again");
  } else {
    const bool full = result == -ENOSPC || result == -EDQUOT || result == -EFBIG;
    out.status = full                                     ? STRATA_EXHAUSTED
                 : result == -EINVAL || result == -EFAULT ? STRATA_INVALID
                                                          : STRATA_DATA_LOSS;
    words_.push_back(where + (s.write ? "write" : "read") + " failed: " + std::strerror(-result) +
                     (full                ? ": free some room"
                      : result == -EINVAL ? ": set direct = false"
                                          : ": check the disk"));
  }
  out.words = strata::abi_str(words_.back());
}

}  // namespace

STRATA_OFFLOAD_PLUGIN(Nvme, "nvme", "1.0.0");
