/* A weight quantizer, "strata.quant/1": it packs a weight into parts and unpacks them again. */
#pragma once
#include <strata/abi/core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_part {
  strata_hdr hdr;
  strata_str role; /* "codes", "scales", ...; a group is packed role by role */
  const int64_t* shape;
  uint32_t ndim, reserved, shard_axis; /* the axis to cut, or STRATA_NONE: as bytes only */
  strata_dtype dtype;
} strata_part;

typedef struct strata_quant {
  strata_hdr hdr;
  /* How well it handles the scheme with these options; 0: not at all. [any-thread] */
  int32_t (*score)(strata_str scheme, const strata_config* options);
  /* Makes a codec and reads its options. [main-thread] */
  strata_status (*create)(const strata_host*, strata_str scheme, const strata_config* options,
                          strata_self** out);
  void (*destroy)(strata_self*); /* Frees the codec. [main-thread] */
  /* Emits the parts that a weight becomes; pure. [any-thread] */
  strata_status (*layout)(strata_self*, strata_dtype, uint32_t ndim, const int64_t* shape,
                          void (*emit)(void*, const strata_part*), void*);
  /* Fills the parts from a dense weight. [rank-thread] */
  strata_status (*pack)(strata_self*, strata_call*, strata_tensor* weight, const strata_parts*);
  /* Fills a dense weight from the parts. On the CPU several threads call it at once with the same
     call, each for other rows of one weight. [any-thread] */
  strata_status (*unpack)(strata_self*, strata_call*, const strata_parts*, strata_tensor* weight);
  /* (optional) Multiplies, x [T,in] -> [T,out], straight from the parts; NULL: the host unpacks
     them first. [rank-thread] */
  strata_status (*linear)(strata_self*, strata_call*, const strata_parts*, strata_tensor* x,
                          strata_tensor** out);
  /* (optional) Looks up rows of a table, ids [T] -> [T,D], straight from the parts.
     [rank-thread] */
  strata_status (*gather)(strata_self*, strata_call*, const strata_parts*, strata_tensor* ids,
                          strata_dtype, strata_tensor** out);
} strata_quant;

#ifdef __cplusplus
}
#endif
