/* A model family, "strata.model/1": which weights there are and what one unit computes. */
#pragma once
#include <strata/abi/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STRATA_VECTOR = 0, STRATA_MATRIX = 1, STRATA_TABLE = 2, STRATA_HEAD = 3, STRATA_ROUTER = 4 };
enum {                             /* flags */
       STRATA_WEIGHT_IN_OUT = 1,   /* the file holds [in,out] (GPT-2's Conv1D) */
       STRATA_WEIGHT_BY_TURNS = 2, /* 1.1: in `also` the rows of a group's members alternate */
       STRATA_WEIGHT_FLOAT32 = 4,  /* 1.1: float32 whatever the model's dtype; alone, for moe */
};
typedef struct strata_weight {
  strata_hdr hdr;
  strata_str name;      /* the checkpoint's; the same name in two units is one weight (tied) */
  const int64_t* shape; /* as the ops use it; of one expert */
  uint32_t ndim, role;
  uint32_t group;   /* 0: alone; neighbours with the same number lie packed, one product */
  uint32_t experts; /* 0: none; else their count: "{}" in the name is an expert's number */
  /* 1.1: another name that files give it. Of experts: one tensor of them all, [experts,...], where
     members of a group that say the same one are its rows one behind the other, or by turns. The
     flag IN_OUT is then of that tensor alone, asked where its shape fits either way round. */
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
  /* Reads the configuration; refuses what it does not know. [main-thread] */
  strata_status (*create)(const strata_host*, const strata_config*, strata_self** out);
  void (*destroy)(strata_self*); /* Frees the instance. [main-thread] */
  /* Emits every unit in the order of the pass; the same each time. [main-thread] */
  strata_status (*declare)(strata_self*, strata_status (*emit)(void*, const strata_unit*), void*);
  /* One unit: x [T,D] (embedding: ids [T]) -> [T,D] (head: logits [T,V]). [rank-thread] */
  strata_status (*forward)(strata_self*, strata_call*, uint32_t unit, strata_tensor* x,
                           strata_tensor** out);
  /* (optional) Emits the keys of its own table in run.toml. [any-thread] */
  void (*options)(void (*emit)(void*, const strata_option*), void*);
  /* (optional) Takes that table, checked, before any score or create. [main-thread] */
  strata_status (*configure)(const strata_host*, const strata_config* options);
  /* (optional) 1.1: Emits words; a checkpoint's tensor that has one in its name and is no weight of
     the model is passed over, others are refused. [main-thread] */
  strata_status (*pass_over)(strata_self*, strata_status (*emit)(void*, strata_str), void*);
} strata_model;

#ifdef __cplusplus
}
#endif
