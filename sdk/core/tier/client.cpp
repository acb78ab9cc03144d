#include "core/tier/client.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/words.hpp"

namespace strata::tier {
namespace {

// The limit on a plugin's queue depth: no table here grows past it.
constexpr std::uint64_t most_in_flight = 65536;

constexpr const char* report_to_vendor = "report this to the plugin's vendor";

// A poll that waits forever is cut into parts, so that a tier that finishes nothing is noticed.
constexpr std::chrono::seconds poll_part{1}, told_after{5};
// No block of a disk and no page is larger.
constexpr std::uint64_t largest_align = std::uint64_t{1} << 30;

}  // namespace

Region::Region(Region&& other) noexcept { *this = std::move(other); }

Region& Region::operator=(Region&& other) noexcept {
  std::swap(tier_, other.tier_);
  std::swap(id_, other.id_);
  std::swap(bytes_, other.bytes_);
  std::swap(file_offset_, other.file_offset_);
  std::swap(memory_, other.memory_);
  std::swap(name_, other.name_);
  return *this;
}

Region::~Region() {
  if (!tier_) return;
  tier_->made_.erase(id_);
  if (tier_->broken_) return;  // a transfer of it may be in flight: the tier frees it
  plugin::freed(tier_->who_, "region_free", [&] { tier_->table_->region_free(tier_->self_, id_); });
}

Tier::Tier(std::string name, const strata_offload* table, const strata_config* options,
           const strata_host* host, std::chrono::seconds patience)
    : name_(std::move(name)), who_("offload/" + name_), patience_(patience), table_(table),
      host_(host) {
  if (!table_ || table_->hdr.size < offsetof(strata_offload, poll) + sizeof(table_->poll))
    throw Error(who_, "its table is shorter than ABI 1.0's", report_to_vendor);
  need(table_->score, "score");
  need(table_->options, "options");
  need(table_->open, "open");
  need(table_->close, "close");
  need(table_->limits, "limits");
  need(table_->region_new || table_->region_bind, "region_new or region_bind");
  need(table_->region_free, "region_free");
  need(table_->submit, "submit");
  need(table_->poll, "poll");
  const auto status = ask(
      "open", [&] { return table_->open(host, options, &self_); }, plugin::Pace::slow);
  if (status == STRATA_INVALID) throw UsageError(failure("its options are refused", ""));
  if (status != STRATA_OK) throw failure("cannot be opened", "");
  if (!self_) throw Error(who_, "open gave no instance", report_to_vendor);
  try {
    read_limits();
  } catch (...) {
    plugin::freed(who_, "close", [&] { table_->close(self_); });
    throw;
  }
}

Tier::~Tier() {
  if (stuck_) return;  // close would wait for transfers that never end
  plugin::freed(who_, "close", [&] { table_->close(self_); });
}

void Tier::break_off(const std::string& fact) {
  broken_ = true;
  throw Error(who_, fact, report_to_vendor);
}

void Tier::check_broken() const {
  if (broken_) throw Error(who_, "it broke off before and is not asked again", report_to_vendor);
}

void Tier::need(bool there, std::string_view function) const {
  if (!there) throw Error(who_, "it has no function " + std::string(function), report_to_vendor);
}

Error Tier::failure(std::string_view what, std::string_view subject) const {
  auto words = plugin::take_words();
  if (words.empty()) words = what;
  if (!subject.empty() && words.find(subject) == std::string::npos)
    words = std::string(subject) + ": " + words;
  return {who_, words, ""};
}

void Tier::fail(std::string_view what, std::string_view subject) const {
  throw failure(what, subject);
}

void Tier::read_limits() {
  strata_limits out{};
  out.hdr.size = sizeof(out);
  if (ask("limits", [&] { return table_->limits(self_, &out); }) != STRATA_OK)
    fail("it does not say its limits", "");
  limits_ = {.align = out.align,
             .max_io = out.max_io,
             .capacity = out.capacity,
             .queue_depth = std::min(out.queue_depth, most_in_flight)};
  constexpr uint32_t known{STRATA_TIER_DEVICE | STRATA_TIER_ORDERED};
  if (!std::has_single_bit(limits_.align) || limits_.align > largest_align ||
      limits_.max_io < limits_.align || limits_.queue_depth == 0 || (out.hdr.flags & ~known) != 0)
    throw Error(who_, "its limits make no sense", report_to_vendor);
  limits_.max_io -= limits_.max_io % limits_.align;
  slots_.resize(limits_.queue_depth);
  used_.resize(limits_.queue_depth);
  done_.resize(limits_.queue_depth);
  for (std::size_t i = slots_.size(); i-- > 0;) free_.push_back(i);
}

bool Tier::makes_regions() const { return table_->region_new; }
bool Tier::binds_files() const { return table_->region_bind; }

Region Tier::adopt(std::uint64_t id, std::uint64_t bytes, std::string name, std::uint64_t offset) {
  Region region;
  region.tier_ = this;
  region.id_ = id;
  region.bytes_ = bytes;
  region.file_offset_ = offset;
  region.name_ = std::move(name);
  if (table_->map) {
    void* memory = nullptr;
    if (ask(
            "map", [&] { return table_->map(self_, id, &memory); }, plugin::Pace::slow) !=
        STRATA_OK)
      fail("cannot be mapped", region.name_);
    if (!memory) throw Error(who_, region.name_ + ": map gave no memory", report_to_vendor);
    region.memory_ = static_cast<std::byte*>(memory);
  }
  return region;
}

Region Tier::new_region(std::uint64_t bytes) {
  need(makes_regions(), "region_new: it only binds files");
  std::uint64_t id = 0;
  if (ask(
          "region_new", [&] { return table_->region_new(self_, bytes, &id); },
          plugin::Pace::slow) != STRATA_OK)
    fail("no room for " + std::to_string(bytes) + " bytes", "");
  if (!made_.insert(id).second)
    throw Error(who_, "it gave region " + std::to_string(id) + " twice", report_to_vendor);
  return adopt(id, bytes, "region " + std::to_string(id), 0);
}

Region Tier::bind(const std::string& file, std::uint64_t offset, std::uint64_t bytes) {
  need(binds_files(), "region_bind: it reads no files in place");
  std::uint64_t id = 0;
  if (ask(
          "region_bind",
          [&] {
            return table_->region_bind(self_, {file.data(), file.size()}, offset, bytes, &id);
          },
          plugin::Pace::slow) != STRATA_OK)
    fail("cannot be bound", file);
  return adopt(id, bytes, file, offset);
}

void Tier::announce(std::span<std::byte> memory, strata_device device, bool on) {
  if (!table_->mem_reg) return;
  if (ask(
          "mem_reg",
          [&] { return table_->mem_reg(self_, memory.data(), memory.size(), device, on ? 1 : 0); },
          plugin::Pace::slow) != STRATA_OK)
    fail("the memory of transfers is refused", "");
}

std::size_t Tier::submit(std::span<const Transfer> transfers) {
  check_broken();
  const auto n = std::min(transfers.size(), free_.size());
  if (n == 0) return 0;
  std::vector<strata_io> io(n);
  std::vector<const strata_io*> pointers(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto& t = transfers[i];
    if (t.offset >= t.region->bytes())
      throw Error(who_, t.region->name() + ": offset " + std::to_string(t.offset),
                  "the region has " + std::to_string(t.region->bytes()) + " bytes");
    io[i] = {{sizeof(strata_io), 0},      t.op,     t.priority, t.region->id(), t.offset, t.bytes,
             free_[free_.size() - 1 - i], t.memory, t.stream,   t.device};
    pointers[i] = &io[i];
  }
  std::uint32_t accepted = 0;
  const auto status = ask("submit", [&] {
    return table_->submit(self_, pointers.data(), static_cast<std::uint32_t>(n), &accepted);
  });
  if (accepted > n) break_off("it took more transfers than it was given");
  for (std::size_t i = 0; i < accepted; ++i) {
    slots_[free_.back()] = transfers[i];
    used_[free_.back()] = true;
    free_.pop_back();
  }
  flying_ += accepted;
  // A failure concerns the first transfer that was not accepted: those before it are under way.
  if (status != STRATA_OK && accepted == 0)
    fail("a transfer is refused", transfers[0].region->name());
  if (accepted == 0 && flying_ == 0)
    throw Error(who_, "it takes no transfer though it has none to do", report_to_vendor);
  return accepted;
}

std::uint32_t Tier::poll_once(std::uint32_t cap, std::int64_t ns) {
  std::uint32_t n = 0;
  if (ask("poll", [&] { return table_->poll(self_, done_.data(), cap, ns, &n); }) != STRATA_OK) {
    broken_ = true;
    fail("its transfers cannot be waited for", "");
  }
  if (n > cap) break_off("it finished more transfers than asked");
  return n;
}

std::size_t Tier::poll(std::span<Completion> out, std::int64_t ns) {
  using Clock = std::chrono::steady_clock;
  const auto cap = static_cast<std::uint32_t>(std::min(out.size(), done_.size()));
  check_broken();
  if (cap == 0 || flying_ == 0) return 0;
  const auto began = Clock::now();
  const auto part = std::chrono::nanoseconds(poll_part).count();
  auto n = poll_once(cap, ns < 0 ? part : ns);
  for (bool told = false; n == 0 && ns < 0; n = poll_once(cap, part)) {
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began);
    const auto fact = "it finished none of " + std::to_string(flying_) + " transfers for " +
                      std::to_string(passed.count()) + " s";
    if (patience_.count() > 0 && passed >= patience_) {
      broken_ = stuck_ = true;
      throw Error(who_, fact, "check its device, or set plugins.patience higher");
    }
    if (told || passed < told_after) continue;
    told = true;
    const auto line = who_ + ": " + fact;
    if (host_) host_->log(host_, STRATA_WARN, {line.data(), line.size()});
  }
  for (std::size_t i = 0; i < n; ++i) out[i] = settle(done_[i]);
  return n;
}

Completion Tier::settle(const strata_done& done) {
  if (done.cookie >= slots_.size() || !used_[done.cookie])
    break_off("it finished a transfer that it was not given, or one twice");
  const auto& t = slots_[done.cookie];
  if (done.bytes > t.bytes)
    break_off("it moved " + std::to_string(done.bytes) + " bytes of a transfer of " +
              std::to_string(t.bytes));
  used_[done.cookie] = false;
  free_.push_back(done.cookie);
  --flying_;
  const auto expected = std::min(t.bytes, t.region->bytes() - t.offset);
  const auto moved = std::min(done.bytes, expected);
  if (t.op == STRATA_READ) read_ += moved;
  Completion out{t.cookie, moved, nullptr};
  if (done.status == STRATA_OK && moved == expected) return out;
  const auto at = "offset " + std::to_string(t.region->file_offset() + t.offset);
  std::string words(done.words.p && done.status != STRATA_OK
                        ? std::string_view(done.words.p, done.words.n)
                        : std::string_view());
  if (words.empty())
    words = "moved " + std::to_string(moved) + " of " + std::to_string(expected) + " bytes";
  if (words.find("offset ") == std::string::npos) words = at + ": " + words;
  if (words.find(t.region->name()) == std::string::npos) words = t.region->name() + ": " + words;
  out.error = std::make_exception_ptr(Error(who_, words, ""));
  return out;
}

void Tier::move(const Transfer& transfer) {
  std::uint64_t begun = 0;
  std::exception_ptr error;
  // Even after a failure, waits for every transfer in flight: the memory is the caller's.
  while (flying_ > 0 || (begun < transfer.bytes && !error)) {
    try {
      while (begun < transfer.bytes && !error) {
        auto piece = transfer;
        piece.offset += begun;
        piece.memory = static_cast<std::byte*>(transfer.memory) + begun;
        piece.bytes = std::min(limits_.max_io, transfer.bytes - begun);
        if (submit({&piece, 1}) == 0) break;
        begun += piece.bytes;
      }
    } catch (...) {
      if (!error) error = std::current_exception();
    }
    if (broken_) break;
    Completion done;
    if (poll({&done, 1}, -1) == 1 && done.error && !error) error = done.error;
  }
  if (error) std::rethrow_exception(error);
}

Announced::Announced(Tier& tier, std::span<std::byte> memory, strata_device device)
    : tier_(&tier), memory_(memory), device_(device) {
  tier.announce(memory, device, true);
}

Announced::Announced(Announced&& other) noexcept
    : tier_(std::exchange(other.tier_, nullptr)), memory_(other.memory_), device_(other.device_) {}

Announced::~Announced() {
  try {
    if (tier_) tier_->announce(memory_, device_, false);
  } catch (const Error&) {  // the tier keeps memory that it cannot let go until it is closed
  }
}

}  // namespace strata::tier
