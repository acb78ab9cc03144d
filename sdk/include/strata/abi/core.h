/* Strata's plugin ABI 1.1: values, host and plugin. C11 and C++17.
 *
 * A plugin is a shared library that exports one constant, strata_plugin_v1, and needs no symbol of
 * the host: it gets the host's tables by get(id) and gives its own by query(id).
 *
 *   growth    A struct that begins with strata_hdr grows at its end and nowhere else: its writer
 *             sets hdr.size, its reader checks STRATA_HAS. A struct without it is frozen.
 *   errors    A function returns STRATA_OK, or a code whose words it gave to host->fail. On an
 *             error it leaves its outputs untouched.
 *   memory    The side that creates an object destroys it. Arguments live for the call. A tensor
 *             handed out through `out` belongs to the caller, who releases it. Neither side frees
 *             anything else of the other.
 *   optional  A function marked (optional) may be NULL. The host checks the others when it loads
 *             the plugin, and names one that is missing.
 *   streams   A function enqueues device work on call->stream and never waits for the device.
 *   threads   [main-thread]  set-up and shutdown
 *             [rank-thread]  one call at a time for an instance, on the thread that computes
 *             [io-thread]    one call at a time for a tier, on the thread that moves bytes
 *             [any-thread]   at any time, from several threads at once
 * No exception, longjmp or signal crosses the ABI. The host never unloads a plugin that it has
 * opened. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRATA_ABI_MAJOR 1u                /* a broken layout: the symbol's name changes too */
#define STRATA_ABI_MINOR 1u                /* anything appended */
#define STRATA_MAGIC 0x5354524154413031ull /* "STRATA01" */
#define STRATA_NONE 0xffffffffu            /* no weight */
#define STRATA_STR(text) (text), sizeof(text) - 1 /* strata_str s = {STRATA_STR("llama")}; */
#define STRATA_HAS(type, p, field) \
  ((p)->hdr.size >= offsetof(type, field) + sizeof(((type*)0)->field) && (p)->field)

typedef int32_t strata_status; /* numbered as absl's status codes */
enum {
  STRATA_OK = 0,
  STRATA_INVALID = 3,   /* the caller's arguments, options or configuration */
  STRATA_NOT_FOUND = 5, /* a file, weight, key or name */
  STRATA_EXHAUSTED = 8, /* memory, space, locked pages */
  STRATA_UNIMPLEMENTED = 12,
  STRATA_INTERNAL = 13, /* a bug in the side that returns it */
  STRATA_DATA_LOSS = 15 /* a short read, a bad sector, a corrupt block */
};

typedef struct strata_hdr {
  uint32_t size;  /* bytes of the whole struct, as its writer knew it */
  uint32_t flags; /* the struct's own bits; an unknown one is refused */
} strata_hdr;

typedef struct strata_str {
  const char* p; /* UTF-8, not terminated */
  uint64_t n;
} strata_str;

/* The values and the layout of these three are DLPack's: DLDevice, DLDataType, DLTensor. */
enum { STRATA_CPU = 1, STRATA_CUDA = 2, STRATA_PINNED = 3 };
typedef struct strata_device {
  int32_t type, id;
} strata_device;

enum { STRATA_INT = 0, STRATA_UINT = 1, STRATA_FLOAT = 2, STRATA_BFLOAT = 4, STRATA_BOOL = 6 };
typedef struct strata_dtype {
  uint8_t code, bits;
  uint16_t lanes;
} strata_dtype;

/* A tensor's memory, to read; to write only where the tensor is an output of this call. */
typedef struct strata_view {
  void* data; /* NULL while only shapes are recorded */
  strata_device device;
  int32_t ndim;
  strata_dtype dtype;
  int64_t *shape, *strides; /* strides in elements */
  uint64_t byte_offset;
} strata_view;

typedef struct strata_host strata_host;
typedef struct strata_op_rope strata_op_rope;
typedef struct strata_tensor strata_tensor; /* the host's, ref-counted; view() gives its memory */
typedef struct strata_config strata_config; /* the host's; lives until the instance is destroyed */
typedef struct strata_self strata_self;     /* a plugin's instance: it defines the struct itself */

typedef struct strata_parts { /* the parts a codec made of a tensor; a dense one is its only part */
  strata_tensor* const* p;
  uint64_t n;
} strata_parts;

enum { STRATA_CALL_CAPTURED = 1 }; /* flag: recorded into a CUDA graph */
typedef struct strata_call {
  strata_hdr hdr;
  const strata_host* host;
  void* stream; /* cudaStream_t; NULL on the CPU */
  strata_device device;
} strata_call;

typedef struct strata_option { /* one key of a plugin's own table in run.toml */
  strata_hdr hdr;
  strata_str key, type, fallback, help; /* type: "integer", "number", "flag", "text", "size" */
} strata_option;

/* ---- core.h: host and plugin ---------------------------------------------------------------- */

enum { STRATA_DEBUG = 0, STRATA_INFO = 1, STRATA_WARN = 2, STRATA_ERROR = 3 };
enum { STRATA_MAIN_THREAD = 1, STRATA_RANK_THREAD = 2, STRATA_IO_THREAD = 3 };

struct strata_host {
  strata_hdr hdr;
  uint32_t abi_major, abi_minor;
  /* Returns the table behind an id like "strata.host.ops/1"; NULL if unknown. [any-thread] */
  const void* (*get)(const strata_host*, strata_str id);
  /* Keeps the words for the calling thread and returns the status. [any-thread] */
  strata_status (*fail)(const strata_host*, strata_status, strata_str words);
  void (*log)(const strata_host*, int32_t level, strata_str words); /* Logs a line. [any-thread] */
  /* Returns 1 if the calling thread has the role, else 0. [any-thread] */
  int32_t (*on_thread)(const strata_host*, int32_t role);
};

typedef struct strata_plugin {
  strata_hdr hdr;
  uint64_t magic;
  uint32_t abi_major, abi_minor, min_host_minor, reserved;
  strata_str kind, name, version, vendor; /* equal to the manifest's: "model", "llama", ... */
  /* Keeps the host; is quick and uses no device; may be called again after close. [main-thread] */
  strata_status (*open)(const strata_host*);
  void (*close)(void); /* Comes after the last destroy; joins work that open began. [main-thread] */
  /* Returns the static table behind an id like "strata.model/1"; NULL if unknown. [any-thread] */
  const void* (*query)(strata_str id);
} strata_plugin;

__attribute__((visibility("default"))) extern const strata_plugin strata_plugin_v1;

/* "strata.host.config/1": config.json, or a plugin's own options. A path is "a.b.2"; "new|old" is
   the first of the two that exists. A missing key gives *fallback; where that is NULL, the call
   fails and names the key. */
typedef struct strata_host_config {
  strata_hdr hdr;
  strata_str (*raw)(const strata_config*); /* Returns the bytes as read. [any-thread] */
  /* Returns the length of a list; 1 for another value, 0 if missing or null. [any-thread] */
  uint64_t (*count)(const strata_config*, strata_str path);
  /* Gives an integer; true is 1, false is 0. [any-thread] */
  strata_status (*i64)(const strata_config*, strata_str path, const int64_t* fallback, int64_t*);
  /* Gives a number. [any-thread] */
  strata_status (*f64)(const strata_config*, strata_str path, const double* fallback, double*);
  /* Gives a string that lives as long as the configuration. [any-thread] */
  strata_status (*text)(const strata_config*, strata_str path, const strata_str*, strata_str* out);
  /* Reads the rope of the model at path: its rope_scaling, else its rope_parameters, and its
     rope_theta. A path in JSON ("{...}") is the rope parameters themselves. An unknown type fails.
     [any-thread] */
  strata_status (*rope)(const strata_config*, strata_str path, strata_op_rope* inout);
} strata_host_config;

/* "strata.host.tensor/1" */
typedef struct strata_host_tensor {
  strata_hdr hdr;
  /* Gives the tensor's memory, valid until the plugin's call returns. [rank-thread] */
  strata_status (*view)(strata_call*, strata_tensor*, strata_view* out);
  /* Makes a tensor on the call's device, its elements undefined. [rank-thread] */
  strata_status (*empty)(strata_call*, strata_dtype, int32_t ndim, const int64_t* shape,
                         strata_tensor** out);
  /* Lends device memory, which the host takes back when the plugin's call returns. [rank-thread] */
  strata_status (*workspace)(strata_call*, uint64_t bytes, void** out);
  void (*retain)(strata_tensor*);  /* Adds an owner. [rank-thread] */
  void (*release)(strata_tensor*); /* Removes an owner; NULL is allowed. [rank-thread] */
} strata_host_tensor;

#ifdef __cplusplus
}
#endif
