/* An offload target, "strata.offload/1": a tier. It moves bytes and knows no tensor. */
#pragma once
#include <strata/abi/core.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STRATA_READ = 1, STRATA_WRITE = 2 };
typedef struct strata_io {
  strata_hdr hdr;
  uint32_t op, priority; /* 0 goes first */
  uint64_t region, offset, bytes, cookie;
  void *mem, *stream; /* stream: if not NULL, the transfer runs in order with its work */
  strata_device device;
} strata_io;

typedef struct strata_done {
  uint64_t cookie, bytes; /* as submitted; as moved */
  strata_str words;       /* why it failed; valid until the next poll */
  int32_t status, reserved;
} strata_done;

enum { STRATA_TIER_DEVICE = 1, STRATA_TIER_ORDERED = 2 }; /* flags: moves to the GPU; uses stream */
typedef struct strata_limits {
  strata_hdr hdr;
  uint64_t align, max_io; /* a power of two, for offset, bytes and mem; most bytes of an I/O */
  uint64_t capacity, pool, queue_depth; /* bytes for region_new; bytes the plugin holds itself */
} strata_limits;

typedef struct strata_offload {
  strata_hdr hdr;
  /* How well the tier works on this machine with these options; 0: not at all. [any-thread] */
  int32_t (*score)(const strata_config* options);
  /* Emits each key of its table in run.toml. [any-thread] */
  void (*options)(void (*emit)(void*, const strata_option*), void*);
  /* Starts a tier. [main-thread] */
  strata_status (*open)(const strata_host*, const strata_config* options, strata_self** out);
  void (*close)(strata_self*); /* Waits for transfers in flight, joins, frees. [main-thread] */
  /* Fills *inout up to inout->hdr.size bytes. [any-thread] */
  strata_status (*limits)(strata_self*, strata_limits* inout);
  /* (optional, but one of two) Allocates a region, its bytes undefined. [main-thread] */
  strata_status (*region_new)(strata_self*, uint64_t bytes, uint64_t* region);
  /* (optional, but one of two) Makes a region of a part of a file, which is read in place and never
     written. [main-thread] */
  strata_status (*region_bind)(strata_self*, strata_str file, uint64_t offset, uint64_t bytes,
                               uint64_t* region);
  /* Frees a region, of which nothing is in flight; a bound file stays. [main-thread] */
  void (*region_free)(strata_self*, uint64_t region);
  /* (optional) Gives the region as host memory, valid until it is freed. [any-thread] */
  strata_status (*map)(strata_self*, uint64_t region, void** out);
  /* (optional) Announces memory that I/O will use (on = 1), or withdraws it (0). [main-thread] */
  strata_status (*mem_reg)(strata_self*, void* mem, uint64_t bytes, strata_device, int32_t on);
  /* Takes the first *accepted of n without blocking; a full queue is not an error. [io-thread] */
  strata_status (*submit)(strata_self*, const strata_io* const* io, uint32_t n, uint32_t* accepted);
  /* Gives up to cap completions; waits at most ns for the first (-1: forever). [io-thread] */
  strata_status (*poll)(strata_self*, strata_done* out, uint32_t cap, int64_t ns, uint32_t* n);
} strata_offload;

#ifdef __cplusplus
}
#endif
