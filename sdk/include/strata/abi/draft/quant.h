/* A weight quantizer, "strata.quant/1": it packs a weight into parts and unpacks them again. */
#pragma once
#include <strata/abi/core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_threads strata_threads;

typedef struct strata_part {
  strata_hdr hdr;
  strata_str role; /* "codes", "scales", ...; a group is packed role by role */
  const int64_t* shape;
  uint32_t ndim, reserved, shard_axis; /* the axis to cut, or STRATA_NONE: as bytes only */
  strata_dtype dtype;
} strata_part;

enum { STRATA_PRODUCT_FAST = 1 };    /* flag: x may be rounded to 8 bits with scales of its own */
typedef struct strata_product_kind { /* a product x [T,in] -> y [T,out] with a weight in parts */
  strata_hdr hdr;
  const int64_t* shape; /* the weight's, [out,in] */
  int64_t tokens;       /* T */
  uint32_t ndim, reserved;
  strata_device device;
  strata_dtype dtype; /* of x and y */
  uint32_t also_reserved;
} strata_product_kind;

struct strata_threads { /* the host's threads, for work on the CPU */
  strata_hdr hdr;
  /* Calls item(user, i) once for every i below count, on several threads at once, and returns when
     all have returned. An item calls nothing of the host. [rank-thread] */
  void (*run)(const strata_threads*, int64_t count, void (*item)(void* user, int64_t i),
              void* user);
};

typedef struct strata_product {
  strata_hdr hdr;                /* flags: as the kind's */
  const strata_parts* parts;     /* of the weight, in the order of layout */
  strata_tensor *x, *y;          /* contiguous; y is written */
  void* workspace;               /* at a multiple of 64 bytes; NULL where none is needed */
  const strata_threads* threads; /* NULL on another device than the CPU */
} strata_product;

typedef struct strata_grouped_weight { /* one weight of a grouped product */
  const strata_parts* parts;           /* in the order of layout */
  int64_t end;                         /* behind its last row of x and of y */
} strata_grouped_weight;

typedef struct strata_grouped_product { /* products with several weights of one shape [out,in] */
  strata_hdr hdr;                       /* flags: as the kind's */
  const strata_grouped_weight* weights; /* each with the rows behind those of the one before it */
  uint64_t n;
  strata_tensor *x, *y;          /* [T,in], [T,out], contiguous; y is written */
  void* workspace;               /* as of one product of T tokens */
  const strata_threads* threads; /* NULL on another device than the CPU */
} strata_grouped_product;

typedef struct strata_weight_tensor { /* a tensor of a checkpoint that is a part of a weight */
  strata_hdr hdr;
  strata_str role; /* as the plugin's manifest names it */
  strata_str type; /* of its elements, as safetensors files name it: "I32", "F8_E4M3" */
  const int64_t* shape;
  const void* data; /* its bytes, where the manifest says "read"; else NULL */
  uint32_t ndim, reserved;
} strata_weight_tensor;

typedef struct strata_weight_tensors { /* a weight that a checkpoint holds in several tensors */
  strata_hdr hdr;
  strata_str weight;                   /* its name */
  const strata_weight_tensor* tensors; /* those that the checkpoint has, in the manifest's order */
  uint64_t n;
} strata_weight_tensors;

typedef struct strata_packed_weight { /* a weight in parts */
  strata_hdr hdr;
  strata_str scheme;    /* for create; it may carry parameters behind its key: "mine 4 128" */
  const int64_t* shape; /* as the ops use it: a matrix is [out,in] */
  uint32_t ndim;
  strata_dtype dtype; /* of its elements where the packages of the format unpack it */
} strata_packed_weight;

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
  /* Fills the parts from a dense weight. Where the parts have the weight's rows, the weight may be
     some rows of a larger one. On the CPU several threads call it at once, each for rows of its
     own. [any-thread] */
  strata_status (*pack)(strata_self*, strata_call*, strata_tensor* weight, const strata_parts*);
  /* Fills a dense weight from the parts. On the CPU several threads call it at once with the same
     call, each for other rows of one weight. [any-thread] */
  strata_status (*unpack)(strata_self*, strata_call*, const strata_parts*, strata_tensor* weight);
  /* (optional, with can and workspace) Multiplies, x [T,in] -> y [T,out], straight from the parts;
     the host calls it for what can says, and unpacks them first for the rest. The sums are at
     least float32. A row of y depends on its row of x alone: neither on T nor on the number of
     threads. [rank-thread] */
  strata_status (*linear)(strata_self*, strata_call*, const strata_product*);
  /* (optional) Looks up rows of a table, ids [T] -> [T,D], straight from the parts. The host never
     calls it: it copies the rows of the parts and unpacks those. [rank-thread] */
  strata_status (*gather)(strata_self*, strata_call*, const strata_parts*, strata_tensor* ids,
                          strata_dtype, strata_tensor** out);
  /* (optional) Returns 1 where linear computes such a product, else 0. What it computes for some T
     it computes for every smaller one. [any-thread] */
  int32_t (*can)(strata_self*, const strata_product_kind*);
  /* (optional) Returns the bytes of memory that linear needs for such a product, for fewer tokens
     at most as many. [any-thread] */
  uint64_t (*workspace)(strata_self*, const strata_product_kind*);
  /* (optional) Emits once what a checkpoint's tensors are together, whose layout has a part for
     each of them, with its role, its shape and its bytes, in their order. Emits nothing where they
     are no weight of this plugin; fails where they do not fit each other. options: the
     configuration's quantization_config, or NULL. Pure. [any-thread] */
  strata_status (*recognize)(const strata_host*, const strata_config* options,
                             const strata_weight_tensors*,
                             void (*emit)(void*, const strata_packed_weight*), void*);
  /* (optional, with repack) Emits the scheme to whose parts repack brings a weight for such
     products; nothing: they use the parts as they are. Its layout's parts begin with the weight's
     rows. Pure. [any-thread] */
  strata_status (*run_scheme)(strata_self*, const strata_product_kind*,
                              void (*emit)(void*, strata_str scheme), void*);
  /* (optional) Fills the parts of the run scheme from those of this one, of a whole weight of that
     shape, without loss. Several threads may call it at once, for several weights. [any-thread] */
  strata_status (*repack)(strata_self*, strata_call*, uint32_t ndim, const int64_t* shape,
                          const strata_parts* held, const strata_parts* run);
  /* (optional, with linear) Multiplies rows of x with several weights at once, such as the experts
     that a layer has chosen, which linear would leave most cores idle for. A row of y has the bits
     that linear gives it. The host calls it where can says that linear computes a product of T
     tokens with a weight of that shape. [rank-thread] */
  strata_status (*linear_grouped)(strata_self*, strata_call*, const strata_grouped_product*);
  /* (optional) Returns 1 where unpack and repack take memory of such a device, else 0. The CPU's
     they always take; without this function they take no other's, and the host calls them with its
     own memory, once while the model loads. [any-thread] */
  int32_t (*unpacks)(strata_self*, strata_device);
} strata_quant;

#ifdef __cplusplus
}
#endif
