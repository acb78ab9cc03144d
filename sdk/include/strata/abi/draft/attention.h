/* An attention backend, "strata.attention/1". */
#pragma once
#include <strata/abi/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STRATA_NEED_GRAPH = 1, STRATA_NEED_BACKWARD = 2 };
typedef struct strata_attention_request {
  strata_hdr hdr;
  strata_device device;
  strata_dtype dtype, kv_dtype;
  strata_str kv_codec; /* a quant plugin's name; empty: kv_dtype itself */
  uint32_t heads, kv_heads, dim_qk, dim_v;
  uint32_t mask, window, sinks, need;  /* as strata_op_attention, sinks 0 or 1; STRATA_NEED_* */
  uint32_t block, max_query;           /* tokens of a block (0: no cache); of a sequence */
  int64_t q_strides[2], kv_strides[3]; /* token, head; block, token, head; in elements */
  double scale, soft_cap, dropout;
} strata_attention_request;

typedef struct strata_attention_args {
  strata_hdr hdr;
  strata_tensor* q;                /* [T,H,E] */
  strata_parts k, v;               /* [blocks,block,K,E], the new tokens already in it */
  strata_tensor* table;            /* [S,n] int32, blocks by sequence; NULL: k and v are [T,K,E] */
  strata_tensor *starts, *lengths; /* int32; [S+1]: where sequences begin; [S]: their keys */
  strata_tensor *slopes, *sinks;   /* [H] float32, or NULL */
  uint32_t max_query, max_keys;    /* bounds that hold for every replay of a graph */
  uint64_t seed;                   /* of dropout */
} strata_attention_args;

enum { STRATA_ATTENTION_ON_OPS = 1 }; /* flag: made of host ops, which the host differentiates */
typedef struct strata_attention {
  strata_hdr hdr;
  /* How well the backend serves the request; 0: not at all. [any-thread] */
  int32_t (*score)(const strata_attention_request*);
  /* Makes an instance for this request. [main-thread] */
  strata_status (*create)(const strata_host*, const strata_attention_request*, strata_self** out);
  void (*destroy)(strata_self*); /* Frees the instance. [main-thread] */
  /* The most bytes that run or backward holds at once within these bounds, besides q, k, v and its
     result: its workspace() memory and the results of the host's ops that it calls. [any-thread] */
  strata_status (*workspace)(strata_self*, uint32_t tokens, uint32_t sequences, uint32_t max_keys,
                             uint64_t* bytes);
  /* Attends: q, k, v -> [T,H*Ev]; *saved: the tensor that backward needs, or NULL. [rank-thread] */
  strata_status (*run)(strata_self*, strata_call*, const strata_attention_args*,
                       strata_tensor** out, strata_tensor** saved);
  /* (optional) Computes the gradients of q, k, v. NULL: score is 0 where a request needs them.
     [rank-thread] */
  strata_status (*backward)(strata_self*, strata_call*, const strata_attention_args*,
                            strata_tensor* y, strata_tensor* saved, strata_tensor* dy,
                            strata_tensor* out[3]);
} strata_attention;

#ifdef __cplusplus
}
#endif
