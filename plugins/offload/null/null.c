/* A tier that stores nothing and completes at once, in C. Copy this file for a tier in C; null.cpp
 * is the same in C++. */
#include <pthread.h>
#include <stdlib.h>
#include <strata/abi/offload.h>
#include <string.h>

enum { DEPTH = 64, REGIONS = 4096, MAX_IO = 1 << 30 };
static const uint64_t capacity = (uint64_t)1 << 60;

struct strata_self {
  pthread_mutex_t mutex;   /* guards regions, which the main thread makes and the I/O thread uses */
  uint64_t sizes[REGIONS]; /* 0: free */
  strata_done done[DEPTH];
  uint32_t first, waiting; /* positions in the ring `done` */
};

static const strata_host* the_host;

static strata_status fail(strata_status code, const char* words) {
  return the_host->fail(the_host, code, (strata_str){words, strlen(words)});
}

/* A score of 0 keeps `--offload auto` from choosing it; `--offload` with its name does. */
static int32_t score(const strata_config* options) {
  (void)options;
  return 0;
}

static void options(void (*emit)(void*, const strata_option*), void* to) {
  (void)emit, (void)to; /* no keys of its own */
}

static strata_status open_tier(const strata_host* host, const strata_config* config,
                               strata_self** out) {
  (void)host, (void)config;
  strata_self* made = calloc(1, sizeof *made);
  if (made == NULL) return fail(STRATA_EXHAUSTED, "no memory for the tier");
  pthread_mutex_init(&made->mutex, NULL);
  *out = made;
  return STRATA_OK;
}

static void close_tier(strata_self* self) {
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

static strata_status limits(strata_self* self, strata_limits* inout) {
  (void)self;
  const strata_limits mine = {.hdr = {.size = sizeof mine},
                              .align = 1,
                              .max_io = MAX_IO,
                              .capacity = capacity,
                              .queue_depth = DEPTH};
  const uint32_t size = inout->hdr.size < sizeof mine ? inout->hdr.size : (uint32_t)sizeof mine;
  memcpy(inout, &mine, size);
  inout->hdr.size = size;
  return STRATA_OK;
}

static strata_status region_new(strata_self* self, uint64_t bytes, uint64_t* region) {
  if (bytes == 0 || bytes > capacity) return fail(STRATA_INVALID, "a region of this size");
  pthread_mutex_lock(&self->mutex);
  uint64_t i = 0;
  while (i < REGIONS && self->sizes[i] != 0) ++i;
  if (i < REGIONS) self->sizes[i] = bytes;
  pthread_mutex_unlock(&self->mutex);
  if (i == REGIONS) return fail(STRATA_EXHAUSTED, "all regions are taken");
  *region = i;
  return STRATA_OK;
}

static uint64_t set_size(strata_self* self, uint64_t region, int take) {
  if (region >= REGIONS) return 0;
  pthread_mutex_lock(&self->mutex);
  const uint64_t size = self->sizes[region];
  if (take) self->sizes[region] = 0;
  pthread_mutex_unlock(&self->mutex);
  return size;
}

static void region_free(strata_self* self, uint64_t region) { set_size(self, region, 1); }

/* The rule that a request breaks; NULL if it breaks none. */
static const char* fault(strata_self* self, const strata_io* io) {
  if (io->hdr.size < sizeof *io || io->hdr.flags != 0) return "a request of another ABI";
  if (io->op != STRATA_READ && io->op != STRATA_WRITE) return "neither a read nor a write";
  if (io->mem == NULL || io->bytes == 0 || io->bytes > MAX_IO) return "no memory or bytes";
  if (io->stream != NULL || (io->device.type != STRATA_CPU && io->device.type != STRATA_PINNED))
    return "only host memory can be reached";
  const uint64_t size = set_size(self, io->region, 0);
  if (size == 0) return "no such region";
  if (io->offset >= size || io->bytes > size - io->offset) return "outside of the region";
  return NULL;
}

/* A request that breaks a rule fails the call if it is the first one of it; otherwise it waits for
 * the next call. */
static strata_status submit(strata_self* self, const strata_io* const* io, uint32_t n,
                            uint32_t* accepted) {
  uint32_t taken = 0;
  while (taken < n && self->waiting < DEPTH) {
    const char* words = fault(self, io[taken]);
    if (words != NULL && taken == 0) return fail(STRATA_INVALID, words);
    if (words != NULL) break;
    self->done[(self->first + self->waiting++) % DEPTH] =
        (strata_done){.cookie = io[taken]->cookie, .bytes = io[taken]->bytes, .status = STRATA_OK};
    ++taken;
  }
  *accepted = taken;
  return STRATA_OK;
}

static strata_status poll(strata_self* self, strata_done* out, uint32_t cap, int64_t ns,
                          uint32_t* n) {
  (void)ns; /* what was submitted is done already */
  uint32_t given = 0;
  while (given < cap && self->waiting > 0) {
    out[given++] = self->done[self->first];
    self->first = (self->first + 1) % DEPTH;
    --self->waiting;
  }
  *n = given;
  return STRATA_OK;
}

static const strata_offload table = {.hdr = {.size = sizeof table},
                                     .score = score,
                                     .options = options,
                                     .open = open_tier,
                                     .close = close_tier,
                                     .limits = limits,
                                     .region_new = region_new,
                                     .region_free = region_free,
                                     .submit = submit,
                                     .poll = poll};

static strata_status open_plugin(const strata_host* host) {
  const strata_str words = {STRATA_STR("a host of another ABI: it knows major 1")};
  if (host == NULL || !STRATA_HAS(strata_host, host, fail)) return STRATA_INVALID;
  if (host->abi_major != STRATA_ABI_MAJOR) return host->fail(host, STRATA_UNIMPLEMENTED, words);
  the_host = host;
  return STRATA_OK;
}

static void close_plugin(void) { the_host = NULL; }

static const void* query(strata_str id) {
  static const char name[] = "strata.offload/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &table : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .kind = {STRATA_STR("offload")},
                                        .name = {STRATA_STR("null")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR(STRATA_VENDOR)},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
