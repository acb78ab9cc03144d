/* An offload plugin with one fault, chosen by definitions: see CMakeLists.txt. */
#include <stdlib.h>
#include <strata/abi/offload.h>
#include <string.h>
#include <unistd.h>

#ifndef FAKE_MAGIC
#define FAKE_MAGIC STRATA_MAGIC
#endif
#ifndef FAKE_MAJOR
#define FAKE_MAJOR STRATA_ABI_MAJOR
#endif
#ifndef FAKE_MIN_HOST
#define FAKE_MIN_HOST 0
#endif
#ifndef FAKE_VERSION
#define FAKE_VERSION "1.0.0"
#endif

enum { FAKE_GOOD, FAKE_CRASHES, FAKE_HANGS, FAKE_FAILS, FAKE_ENDS };
#ifndef FAKE_OPEN
#define FAKE_OPEN FAKE_GOOD
#endif

static int32_t score(const strata_config* options) {
  (void)options;
  return 1;
}

static void options(void (*emit)(void*, const strata_option*), void* to) {
  const strata_option depth = {{sizeof(strata_option), 0},
                               {STRATA_STR("depth")},
                               {STRATA_STR("integer")},
                               {STRATA_STR("4")},
                               {STRATA_STR("requests in flight")}};
  const strata_option ring = {{sizeof(strata_option), 0},
                              {STRATA_STR("ring")},
                              {STRATA_STR("size")},
                              {STRATA_STR("1MiB")},
                              {STRATA_STR("bytes of the ring")}};
  emit(to, &depth);
  emit(to, &ring);
}

static strata_status open_tier(const strata_host* host, const strata_config* config,
                               strata_self** out) {
  (void)host, (void)config, (void)out;
  return STRATA_UNIMPLEMENTED;
}
static void close_tier(strata_self* self) { (void)self; }
static strata_status limits(strata_self* self, strata_limits* out) {
  (void)self, (void)out;
  return STRATA_OK;
}
static strata_status region_new(strata_self* self, uint64_t bytes, uint64_t* region) {
  (void)self, (void)bytes, (void)region;
  return STRATA_UNIMPLEMENTED;
}
static void region_free(strata_self* self, uint64_t region) { (void)self, (void)region; }
static strata_status submit(strata_self* self, const strata_io* const* io, uint32_t n,
                            uint32_t* accepted) {
  (void)self, (void)io, (void)n;
  *accepted = 0;
  return STRATA_OK;
}
#ifndef FAKE_NO_POLL
static strata_status poll_tier(strata_self* self, strata_done* out, uint32_t cap, int64_t ns,
                               uint32_t* n) {
  (void)self, (void)out, (void)cap, (void)ns;
  *n = 0;
  return STRATA_OK;
}
#endif

static const strata_offload table = {
    .hdr = {sizeof(strata_offload), 0},
    .score = score,
    .options = options,
    .open = open_tier,
    .close = close_tier,
    .limits = limits,
    .region_new = region_new,
    .region_free = region_free,
    .submit = submit,
#ifndef FAKE_NO_POLL
    .poll = poll_tier,
#endif
};

static strata_status open_plugin(const strata_host* host) {
  const strata_str words = {STRATA_STR("no room on the disk")};
  switch (FAKE_OPEN) {
    case FAKE_CRASHES:
      abort();
    case FAKE_HANGS:
      for (;;) pause();
    case FAKE_FAILS:
      return host->fail(host, STRATA_EXHAUSTED, words);
    case FAKE_ENDS:
      _exit(0);
    default:
      return STRATA_OK;
  }
}

static void close_plugin(void) {}

static const void* query(strata_str id) {
#ifdef FAKE_ANY_ID
  (void)id;
  return &table;
#else
  static const char known[] = "strata.offload/1";
  return id.n == sizeof known - 1 && memcmp(id.p, known, id.n) == 0 ? &table : NULL;
#endif
}

#ifdef FAKE_EXTRA
__attribute__((visibility("default"))) int fake_extra(void);
int fake_extra(void) { return 1; }
#endif

const strata_plugin strata_plugin_v1 = {{sizeof(strata_plugin), 0},
                                        FAKE_MAGIC,
                                        FAKE_MAJOR,
                                        STRATA_ABI_MINOR,
                                        FAKE_MIN_HOST,
                                        0,
                                        {STRATA_STR("offload")},
                                        {STRATA_STR(FAKE_NAME)},
                                        {STRATA_STR(FAKE_VERSION)},
                                        {STRATA_STR("Test")},
                                        open_plugin,
                                        close_plugin,
                                        query};
