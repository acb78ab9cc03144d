// A tier in memory with one fault: raw tables, nothing is guarded.
#include <strata/abi/offload.h>

#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "deed.hpp"

using faulty::deed, faulty::is;

struct strata_self {
  std::map<std::uint64_t, std::vector<char>> regions;
  std::uint64_t last = 0;
  std::deque<strata_io> queue;
};

namespace {

int32_t score(const strata_config*) { return deed("score"), 1; }
void options(void (*emit)(void*, const strata_option*), void* to) {
  deed("options");
  if (is("options:none")) emit(to, nullptr);
}
strata_status open_tier(const strata_host*, const strata_config*, strata_self** out) {
  deed("open");
  if (!is("open:nothing")) *out = new strata_self;
  return is("open:999") ? 999 : STRATA_OK + 0;
}
void close_tier(strata_self* self) {
  deed("close");
  delete self;
}
strata_status limits(strata_self*, strata_limits* out) {
  deed("limits");
  *out = {{sizeof *out, is("limits:flags") ? 0xff00u : 0u}, 1, 1 << 20, 1ull << 40, 0, 16};
  return STRATA_OK;
}
strata_status region_new(strata_self* self, uint64_t bytes, uint64_t* region) {
  deed("region_new");
  if (!is("region_new:twice") || self->last == 0) ++self->last;
  self->regions[self->last].resize(bytes);
  *region = self->last;
  return STRATA_OK;
}
void region_free(strata_self* self, uint64_t region) {
  deed("region_free");
  self->regions.erase(region);
}
strata_status map(strata_self* self, uint64_t region, void** out) {
  deed("map");
  *out = is("map:nothing") ? nullptr : self->regions[region].data();
  return STRATA_OK;
}
strata_status submit(strata_self* self, const strata_io* const* io, uint32_t n,
                     uint32_t* accepted) {
  deed("submit");
  for (uint32_t i = 0; i < n && !is("submit:none"); ++i) self->queue.push_back(*io[i]);
  *accepted = is("submit:none") ? 0 : n + (is("submit:more") ? 1 : 0);
  return STRATA_OK;
}
strata_status poll(strata_self* self, strata_done* out, uint32_t cap, int64_t, uint32_t* n) {
  deed("poll");
  for (*n = 0; *n < cap && !self->queue.empty() && !is("poll:never"); ++*n) {
    const auto io = self->queue.front();
    self->queue.pop_front();
    auto& bytes = self->regions[io.region];
    const auto moved = std::min<uint64_t>(io.bytes, bytes.size() - io.offset);
    if (io.op == STRATA_READ)
      std::memcpy(io.mem, bytes.data() + io.offset, moved);
    else
      std::memcpy(bytes.data() + io.offset, io.mem, moved);
    out[*n] = {io.cookie + (is("poll:unknown") ? 1000 : 0),
               moved + (is("poll:longer") ? io.bytes : 0),
               {nullptr, 0},
               is("poll:999") ? 999 : STRATA_OK + 0,
               0};
    if (is("poll:twice") && *n + 1 < cap) out[*n + 1] = out[*n], ++*n;
  }
  return STRATA_OK;
}

strata_offload make_table(bool maps) {
  strata_offload t{};
  t.hdr.size = sizeof t;
  t.score = score, t.options = options, t.open = open_tier, t.close = close_tier;
  t.limits = limits, t.region_new = region_new, t.region_free = region_free;
  t.map = maps ? map : nullptr, t.submit = submit, t.poll = poll;
  return t;
}

strata_status open_plugin(const strata_host*) { return deed("open-plugin"), STRATA_OK; }
void close_plugin() { deed("close-plugin"); }
const void* query(strata_str id) {
  static const strata_offload table = make_table(std::getenv("STRATA_FAULT_MAPS") != nullptr);
  deed("query");
  const std::string_view known = "strata.offload/1";
  return std::string_view(id.p, id.n) == known ? &table : nullptr;
}

struct Loaded {
  Loaded() { deed("load"); }
} loaded;

}  // namespace

extern "C" const strata_plugin strata_plugin_v1 = {{sizeof(strata_plugin), 0},
                                                   STRATA_MAGIC,
                                                   STRATA_ABI_MAJOR,
                                                   STRATA_ABI_MINOR,
                                                   0,
                                                   0,
                                                   {STRATA_STR("offload")},
                                                   {STRATA_STR("faulty")},
                                                   {STRATA_STR("1.0.0")},
                                                   {STRATA_STR("Test")},
                                                   open_plugin,
                                                   close_plugin,
                                                   query};
