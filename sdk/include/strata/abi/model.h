/* A model family, "strata.model/1": the weights of a model and the computation of each unit. */
#pragma once
#include <strata/abi/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STRATA_VECTOR = 0, STRATA_MATRIX = 1, STRATA_TABLE = 2, STRATA_HEAD = 3, STRATA_ROUTER = 4 };
enum {                             /* flags */
       STRATA_WEIGHT_IN_OUT = 1,   /* the file holds [in,out] (GPT-2's Conv1D) */
       STRATA_WEIGHT_BY_TURNS = 2, /* 1.1: `also` interleaves the rows of a group's members */
       STRATA_WEIGHT_FLOAT32 = 4,  /* 1.1: float32 in any model's dtype; in no group, for moe */
};
typedef struct strata_weight {
  strata_hdr hdr;
  strata_str name;      /* the checkpoint's; the same name in two units is one weight (tied) */
  const int64_t* shape; /* as the ops use it; for experts that of one */
  uint32_t ndim, role;
  uint32_t group;   /* 0: none; neighbors with one number are packed: one matrix product */
  uint32_t experts; /* 0: none; else their count: "{}" in the name is an expert's number */
  /* 1.1: another name that files give the weight. For experts it names one tensor of all of them,
     [experts,...]; members of a group that give the same name are rows of it, one member after the
     other or interleaved. The flag IN_OUT is then about that tensor alone, and counts where its
     shape fits either way around. */
  strata_str also;
} strata_weight;

enum { STRATA_UNIT_BODY = 0, STRATA_UNIT_EMBEDDING = 1, STRATA_UNIT_HEAD = 2 };
typedef struct strata_unit {
  strata_hdr hdr;
  strata_str name;                     /* for people: "layers.3.mlp" */
  const strata_weight* const* weights; /* their order gives the indices that ops take */
  uint32_t count, kind;
} strata_unit;

typedef struct strata_model {
  strata_hdr hdr;
  /* How well this family knows the configuration; 0: not at all. [any-thread] */
  int32_t (*score)(strata_str model_type, const strata_config*);
  /* Reads the configuration; refuses one that it does not know. [main-thread] */
  strata_status (*create)(const strata_host*, const strata_config*, strata_self** out);
  void (*destroy)(strata_self*); /* Frees the instance. [main-thread] */
  /* Emits every unit in the order of the pass, the same units each time. [main-thread] */
  strata_status (*declare)(strata_self*, strata_status (*emit)(void*, const strata_unit*), void*);
  /* Computes a unit: x [T,D] (embedding: ids [T]) -> [T,D] (head: logits [T,V]). [rank-thread] */
  strata_status (*forward)(strata_self*, strata_call*, uint32_t unit, strata_tensor* x,
                           strata_tensor** out);
  /* (optional) Emits the keys of its own table in run.toml. [any-thread] */
  void (*options)(void (*emit)(void*, const strata_option*), void*);
  /* (optional) Gets that table, checked by the host, before any score or create. [main-thread] */
  strata_status (*configure)(const strata_host*, const strata_config* options);
  /* (optional) 1.1: Emits words. The host ignores a checkpoint's tensor that is no weight of the
     model where its name contains one of them. [main-thread] */
  strata_status (*pass_over)(strata_self*, strata_status (*emit)(void*, strata_str), void*);
} strata_model;

#ifdef __cplusplus
}
#endif
