#include "tests/conformance/opened_tier.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace {

constexpr std::size_t guard = 4096;
constexpr std::byte mark{0xa5};

void need(strata_status status) {
  if (status != STRATA_OK)
    throw std::runtime_error(std::to_string(status) + ": " + MiniHost::take_words());
}

}  // namespace

Guarded::Guarded(std::size_t bytes, std::size_t align)
    : memory_(bytes + align + 2 * guard, mark), size_(bytes) {
  void* begin = memory_.data() + guard;
  auto room = bytes + align;
  begin_ = static_cast<std::byte*>(std::align(align, bytes, begin, room));
}

bool Guarded::intact() const {
  const auto marked = [](std::byte b) { return b == mark; };
  const auto* end = memory_.data() + memory_.size();
  return std::all_of(memory_.data(), static_cast<const std::byte*>(begin_), marked) &&
         std::all_of(static_cast<const std::byte*>(begin_ + size_), end, marked);
}

std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed) {
  std::vector<std::byte> out(bytes);
  std::uint32_t state = seed * 2654435761u + 1;
  for (auto& b : out) {
    state = state * 1664525u + 1013904223u;
    b = static_cast<std::byte>(state >> 24);
  }
  return out;
}

OpenedTier::OpenedTier(const strata_plugin& plugin, const strata_config& options)
    : plugin_(plugin) {
  MiniHost::take_words();
  need(plugin_.open(&host_));
  table_ = static_cast<const strata_offload*>(plugin_.query({STRATA_STR("strata.offload/1")}));
  if (!table_) throw std::runtime_error("no strata.offload/1");
  if (const auto status = table_->open(&host_, &options, &self_); status != STRATA_OK) {
    plugin_.close();
    need(status);
  }
}

void OpenedTier::close() {
  if (!self_) return;
  table_->close(std::exchange(self_, nullptr));
  plugin_.close();
}

strata_limits OpenedTier::limits() const {
  strata_limits out{};
  out.hdr.size = sizeof(out);
  need(table_->limits(self_, &out));
  return out;
}

std::uint64_t OpenedTier::rounded(std::uint64_t bytes) const {
  const auto align = limits().align;
  return (bytes + align - 1) / align * align;
}

std::uint64_t OpenedTier::region_new(std::uint64_t bytes) const {
  std::uint64_t region = 0;
  need(table_->region_new(self_, bytes, &region));
  return region;
}

std::uint64_t OpenedTier::region_bind(const std::string& file, std::uint64_t offset,
                                      std::uint64_t bytes) const {
  std::uint64_t region = 0;
  need(table_->region_bind(self_, strata::abi_str(file), offset, bytes, &region));
  return region;
}

strata_io OpenedTier::io(std::uint32_t op, std::uint64_t region, std::uint64_t offset,
                         std::uint64_t bytes, void* memory, std::uint64_t cookie) const {
  return {strata::header<strata_io>(),
          op,
          0,
          region,
          offset,
          bytes,
          cookie,
          memory,
          nullptr,
          {STRATA_CPU, 0}};
}

strata_status OpenedTier::submit(const strata_io& io, std::uint32_t* accepted) const {
  const strata_io* one = &io;
  return table_->submit(self_, &one, 1, accepted);
}

strata_done OpenedTier::carry_out(const strata_io& io) {
  std::uint32_t accepted = 0, n = 0;
  need(submit(io, &accepted));
  if (accepted != 1) throw std::runtime_error("an empty queue takes no transfer");
  strata_done done{};
  need(table_->poll(self_, &done, 1, -1, &n));
  if (n != 1) throw std::runtime_error("a poll for ever gave nothing");
  words_ = strata::text_of(done.words);
  return done;
}

void OpenedTier::move(std::uint32_t op, std::uint64_t region, std::span<std::byte> memory,
                      std::uint64_t piece) {
  for (std::uint64_t at = 0; at < memory.size(); at += piece) {
    const auto done = carry_out(
        io(op, region, at, std::min<std::uint64_t>(piece, memory.size() - at), &memory[at]));
    if (done.status != STRATA_OK) throw std::runtime_error(words_);
  }
}
