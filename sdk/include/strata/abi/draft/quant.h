/* A weight quantizer, "strata.quant/1": a weight becomes parts, parts become a weight again. */
#pragma once
#include <strata/abi/core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_part {
  strata_hdr hdr;
  strata_str role; /* "codes", "scales", ...; a group lies by role */
  const int64_t* shape;
  uint32_t ndim, reserved, shard_axis; /* where it may be cut, or STRATA_NONE: as bytes only */
  strata_dtype dtype;
} strata_part;

typedef struct strata_quant {
  strata_hdr hdr;
  /* How well it can do the scheme with these options; 0: not. [any-thread] */
  int32_t (*score)(strata_str scheme, const strata_config* options);
  /* A codec with its options read. [main-thread] */
  strata_status (*create)(const strata_host*, strata_str scheme, const strata_config* options,
                          strata_self** out);
  void (*destroy)(strata_self*); /* Frees the codec. [main-thread] */
  /* Emits the parts that a weight becomes; pure. [any-thread] */
  strata_status (*layout)(strata_self*, strata_dtype, uint32_t ndim, const int64_t* shape,
                          void (*emit)(void*, const strata_part*), void*);
  /* Fills the parts from a dense weight. [rank-thread] */
  strata_status (*pack)(strata_self*, strata_call*, strata_tensor* weight, const strata_parts*);
  /* Fills a dense weight from the parts. On the CPU several threads call it at once, each with
   * other rows of one weight and the same call. [any-thread] */
  strata_status (*unpack)(strata_self*, strata_call*, const strata_parts*, strata_tensor* weight);
  /* (optional) x [T,in] -> [T,out] straight from the parts; NULL: unpacked first. [rank-thread] */
  strata_status (*linear)(strata_self*, strata_call*, const strata_parts*, strata_tensor* x,
                          strata_tensor** out);
  /* (optional) Rows of a table, ids [T] -> [T,D], straight from the parts. [rank-thread] */
  strata_status (*gather)(strata_self*, strata_call*, const strata_parts*, strata_tensor* ids,
                          strata_dtype, strata_tensor** out);
} strata_quant;

#ifdef __cplusplus
}
#endif
