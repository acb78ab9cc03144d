// A tier in the test's own memory, which can be told to misbehave.
#pragma once
#include <strata/abi/offload.h>

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "core/plugin/words.hpp"

struct strata_self {
  std::vector<std::byte> store;
  std::deque<strata_io> queue;
};

// The faults of the fake; each test resets them.
struct Faults {
  strata_status open = STRATA_OK, submit = STRATA_OK, done = STRATA_OK;
  std::string words;       // error words of a failed completion
  std::uint64_t lost = 0;  // bytes that a completion lacks
  std::uint64_t align = 16, cookie_shift = 0;
  std::uint32_t invented = 0;  // transfers accepted beyond those submitted
  std::uint64_t more = 0;      // bytes that a completion reports too many
  bool twice = false, takes_none = false;
  int opened = 0, closed = 0, freed = 0;
};
inline Faults faults;

inline strata_offload fake_table() {
  strata_offload t{};
  t.hdr.size = sizeof(t);
  t.score = [](const strata_config*) { return 1; };
  t.options = [](void (*)(void*, const strata_option*), void*) {};
  t.open = [](const strata_host*, const strata_config*, strata_self** out) {
    if (faults.open != STRATA_OK) return strata::plugin::keep_words(faults.open, "no disk today");
    *out = new strata_self;
    ++faults.opened;
    return STRATA_OK + 0;
  };
  t.close = [](strata_self* self) {
    delete self;
    ++faults.closed;
  };
  t.limits = [](strata_self*, strata_limits* out) {
    *out = {{sizeof(*out), 0}, faults.align, 64, 1024, 0, 2};
    return STRATA_OK + 0;
  };
  t.region_new = [](strata_self* self, std::uint64_t bytes, std::uint64_t* region) {
    self->store.resize(bytes);
    *region = 7;
    return STRATA_OK + 0;
  };
  t.region_free = [](strata_self*, std::uint64_t) { ++faults.freed; };
  t.submit = [](strata_self* self, const strata_io* const* io, std::uint32_t n,
                std::uint32_t* accepted) {
    if (faults.submit != STRATA_OK) return strata::plugin::keep_words(faults.submit, "refused");
    *accepted = 0;
    if (faults.takes_none) return STRATA_OK + 0;
    for (std::uint32_t i = 0; i < n; ++i) self->queue.push_back(*io[i]);
    *accepted = n + faults.invented;
    return STRATA_OK + 0;
  };
  t.poll = [](strata_self* self, strata_done* out, std::uint32_t cap, std::int64_t,
              std::uint32_t* n) {
    for (*n = 0; *n < cap && !self->queue.empty(); ++*n) {
      const auto io = self->queue.back();  // the last one first: completions have no order
      self->queue.pop_back();
      auto* place = self->store.data() + io.offset;
      const auto bytes = std::min<std::uint64_t>(io.bytes, self->store.size() - io.offset);
      if (io.op == STRATA_READ)
        std::memcpy(io.mem, place, bytes);
      else
        std::memcpy(place, io.mem, bytes);
      out[*n] = {io.cookie + faults.cookie_shift,
                 bytes - faults.lost + faults.more,
                 {faults.words.data(), faults.words.size()},
                 faults.done,
                 0};
      if (faults.twice && *n + 1 < cap) out[*n + 1] = out[*n], ++*n;
    }
    return STRATA_OK + 0;
  };
  return t;
}
