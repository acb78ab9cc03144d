/* A tier in host memory, in plain C over the installed header: a copy is done when it is submitted,
 * and its completion waits in a ring for the next poll. */
#include <stdlib.h>
#include <strata/abi/offload.h>
#include <string.h>

enum { DEPTH = 64, REGIONS = 4096, ALIGN = 64, MAX_IO = 1 << 30 };

struct strata_self {
  const strata_host* host;
  struct {
    char* bytes; /* NULL: free */
    uint64_t size;
  } regions[REGIONS];
  strata_done done[DEPTH];
  uint32_t first, waiting; /* of the ring `done` */
};

static strata_status fail(const strata_host* h, strata_status code, const char* words) {
  const strata_str text = {words, strlen(words)};
  return h->fail(h, code, text);
}

static int32_t score(const strata_config* options) {
  (void)options;
  return 1;
}

static void options(void (*emit)(void*, const strata_option*), void* to) {
  (void)emit;
  (void)to; /* no keys of its own */
}

static strata_status open_tier(const strata_host* h, const strata_config* config,
                               strata_self** out) {
  (void)config;
  strata_self* self = calloc(1, sizeof *self);
  if (self == NULL) return fail(h, STRATA_EXHAUSTED, "keep: no memory for the tier");
  self->host = h;
  *out = self;
  return STRATA_OK;
}

static void close_tier(strata_self* self) {
  for (uint32_t i = 0; i < REGIONS; ++i) free(self->regions[i].bytes);
  free(self);
}

static strata_status limits(strata_self* self, strata_limits* inout) {
  (void)self;
  const strata_limits mine = {.hdr = {.size = sizeof mine},
                              .align = 1,
                              .max_io = MAX_IO,
                              .capacity = UINT64_MAX,
                              .pool = 0,
                              .queue_depth = DEPTH};
  const uint32_t size = inout->hdr.size < sizeof mine ? inout->hdr.size : (uint32_t)sizeof mine;
  memcpy(inout, &mine, size);
  inout->hdr.size = size;
  return STRATA_OK;
}

static strata_status region_new(strata_self* self, uint64_t bytes, uint64_t* region) {
  const uint64_t size = bytes + (ALIGN - bytes % ALIGN) % ALIGN;
  if (bytes == 0 || size < bytes)
    return fail(self->host, STRATA_INVALID, "keep: a region of this size");
  for (uint64_t i = 0; i < REGIONS; ++i) {
    if (self->regions[i].bytes != NULL) continue;
    self->regions[i].bytes = aligned_alloc(ALIGN, size);
    if (self->regions[i].bytes == NULL)
      return fail(self->host, STRATA_EXHAUSTED, "keep: no memory for a region");
    self->regions[i].size = bytes;
    *region = i;
    return STRATA_OK;
  }
  return fail(self->host, STRATA_EXHAUSTED, "keep: all regions are taken");
}

static void region_free(strata_self* self, uint64_t region) {
  if (region >= REGIONS) return;
  free(self->regions[region].bytes);
  self->regions[region].bytes = NULL;
}

static strata_status map(strata_self* self, uint64_t region, void** out) {
  if (region >= REGIONS || self->regions[region].bytes == NULL)
    return fail(self->host, STRATA_INVALID, "keep: no such region");
  *out = self->regions[region].bytes;
  return STRATA_OK;
}

/* The rule that a request breaks; NULL if it breaks none. */
static const char* fault(const strata_self* self, const strata_io* io) {
  if (io->hdr.size < sizeof *io || io->hdr.flags != 0) return "keep: a request of another ABI";
  if (io->op != STRATA_READ && io->op != STRATA_WRITE) return "keep: neither a read nor a write";
  if (io->mem == NULL || io->bytes == 0 || io->bytes > MAX_IO) return "keep: no memory or bytes";
  if (io->stream != NULL || (io->device.type != STRATA_CPU && io->device.type != STRATA_PINNED))
    return "keep: only host memory can be reached";
  if (io->region >= REGIONS || self->regions[io->region].bytes == NULL)
    return "keep: no such region";
  const uint64_t size = self->regions[io->region].size;
  if (io->offset > size || io->bytes > size - io->offset) return "keep: outside of the region";
  return NULL;
}

static strata_done move(strata_self* self, const strata_io* io) {
  char* region = self->regions[io->region].bytes;
  if (io->op == STRATA_READ) memcpy(io->mem, region + io->offset, io->bytes);
  if (io->op == STRATA_WRITE) memcpy(region + io->offset, io->mem, io->bytes);
  return (strata_done){.cookie = io->cookie, .bytes = io->bytes, .status = STRATA_OK};
}

/* A request that breaks a rule fails the call if it is the first one of it; otherwise it waits for
 * the next call. */
static strata_status submit(strata_self* self, const strata_io* const* io, uint32_t n,
                            uint32_t* accepted) {
  uint32_t taken = 0;
  while (taken < n && self->waiting < DEPTH) {
    const char* words = fault(self, io[taken]);
    if (words != NULL && taken == 0) return fail(self->host, STRATA_INVALID, words);
    if (words != NULL) break;
    self->done[(self->first + self->waiting++) % DEPTH] = move(self, io[taken++]);
  }
  *accepted = taken;
  return STRATA_OK;
}

static strata_status poll(strata_self* self, strata_done* out, uint32_t cap, int64_t ns,
                          uint32_t* n) {
  (void)ns; /* everything submitted is done already */
  uint32_t given = 0;
  while (given < cap && self->waiting > 0) {
    out[given++] = self->done[self->first];
    self->first = (self->first + 1) % DEPTH;
    --self->waiting;
  }
  *n = given;
  return STRATA_OK;
}

static const strata_offload tier = {.hdr = {.size = sizeof tier},
                                    .score = score,
                                    .options = options,
                                    .open = open_tier,
                                    .close = close_tier,
                                    .limits = limits,
                                    .region_new = region_new,
                                    .region_free = region_free,
                                    .map = map,
                                    .submit = submit,
                                    .poll = poll};

static strata_status open_plugin(const strata_host* h) {
  if (!STRATA_HAS(strata_host, h, fail)) return STRATA_UNIMPLEMENTED;
  if (h->abi_major != STRATA_ABI_MAJOR)
    return fail(h, STRATA_UNIMPLEMENTED, "keep: a host of another ABI: it knows major 1");
  return STRATA_OK;
}

static void close_plugin(void) {}

static const void* query(strata_str id) {
  static const char name[] = "strata.offload/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &tier : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .min_host_minor = 0,
                                        .kind = {STRATA_STR("offload")},
                                        .name = {STRATA_STR("keep")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR("A stranger")},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
