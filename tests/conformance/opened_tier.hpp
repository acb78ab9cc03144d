// An offload plugin's tier, opened for one test.
#pragma once
#include <strata/abi/offload.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tests/conformance/mini_host.hpp"

// Memory with the alignment that a tier asks for, with guard bytes before and after it that must
// not change.
class Guarded {
 public:
  Guarded(std::size_t bytes, std::size_t align);
  std::byte* data() { return begin_; }
  std::span<std::byte> bytes() { return {begin_, size_}; }
  bool intact() const;

 private:
  std::vector<std::byte> memory_;
  std::byte* begin_;
  std::size_t size_;
};

// Test bytes that depend on position and seed.
std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed);

class OpenedTier {
 public:
  // Opens plugin and tier; throws std::runtime_error with the plugin's words.
  OpenedTier(const strata_plugin& plugin, const strata_config& options);
  OpenedTier(const OpenedTier&) = delete;
  ~OpenedTier() { close(); }
  void close();

  const strata_offload& table() const { return *table_; }
  strata_self* self() const { return self_; }
  MiniHost& host() { return host_; }
  strata_limits limits() const;
  std::uint64_t rounded(std::uint64_t bytes) const;  // up to the alignment

  std::uint64_t region_new(std::uint64_t bytes) const;
  std::uint64_t region_bind(const std::string& file, std::uint64_t offset,
                            std::uint64_t bytes) const;
  strata_io io(std::uint32_t op, std::uint64_t region, std::uint64_t offset, std::uint64_t bytes,
               void* memory, std::uint64_t cookie = 0) const;
  strata_status submit(const strata_io& io, std::uint32_t* accepted) const;
  // Submits one transfer and waits for it.
  strata_done carry_out(const strata_io& io);
  // The error words of the last carry_out.
  const std::string& words() const { return words_; }
  // Moves `bytes` from offset 0 on, in transfers of at most `piece`; throws on the first failure.
  void move(std::uint32_t op, std::uint64_t region, std::span<std::byte> memory,
            std::uint64_t piece);

 private:
  MiniHost host_;
  const strata_plugin& plugin_;
  const strata_offload* table_ = nullptr;
  strata_self* self_ = nullptr;
  std::string words_;
};
