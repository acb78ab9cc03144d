/* The op table, "strata.host.ops/1": the host functions that a plugin calls to compute. */
#pragma once
#include <strata/abi/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tokens are packed: x is [T,D], with the sequences of the call one after the other; the host knows
   their lengths and positions. Weights are indices into the unit that the call is for. */

typedef struct strata_op_linear {
  strata_hdr hdr;
  uint32_t weight, members; /* [out,in]; the first of a group, and the count: 1 or all */
  uint32_t bias;            /* [out], one for each member; or STRATA_NONE */
} strata_op_linear;

enum { STRATA_RMS_NORM = 1, STRATA_LAYER_NORM = 2 };
typedef struct strata_op_norm {
  strata_hdr hdr;
  uint32_t kind, reserved, weight, bias; /* STRATA_NONE: not affine */
  double eps, offset;                    /* offset: added to the weight (Gemma: 1) */
} strata_op_norm;

enum { STRATA_ROPE_HALVES = 0, STRATA_ROPE_INTERLEAVED = 1 };
struct strata_op_rope {
  strata_hdr hdr;
  strata_str type;      /* "default", "linear", "dynamic", "llama3", "yarn", "longrope" */
  uint32_t layout, dim; /* dim: rotary dimensions of a head; 0: all */
  uint32_t original_positions, max_positions, factors; /* factors: the lists' length */
  uint32_t truncate; /* yarn: 1 rounds the correction range to whole dimensions */
  double theta, factor, attention_factor;
  double low_freq_factor, high_freq_factor, beta_fast, beta_slow; /* llama3, yarn */
  const double *short_factors, *long_factors;                     /* longrope */
};

enum { STRATA_MASK_CAUSAL = 1, STRATA_MASK_ALIBI = 2 };
typedef struct strata_op_attention {
  strata_hdr hdr;
  uint32_t layer, mask;            /* layer: the number of the KV cache */
  uint32_t window, sinks;          /* 0: sees all tokens; a weight [H], or STRATA_NONE */
  double scale, soft_cap, dropout; /* 0: 1 / sqrt(head_dim); none; none */
  double alibi_scale;              /* a factor on the ALiBi slopes; 0: 1 */
} strata_op_attention;

enum {
  STRATA_RELU = 1,
  STRATA_GELU = 2,
  STRATA_GELU_TANH = 3,
  STRATA_SILU = 4,
  STRATA_TANH = 5,
  STRATA_SIGMOID = 6,
  STRATA_QUICK_GELU = 7,
  STRATA_RELU_SQUARED = 8,
  STRATA_GELU_CLIPPED = 9, /* -10..10 */
  STRATA_HARD_SWISH = 10,
  STRATA_LAPLACE = 11,    /* (1 + erf((x - 0.707107) / (0.282095 sqrt 2))) / 2 */
  STRATA_LEAKY_RELU = 12, /* 0.01 */
  STRATA_IDENTITY = 13,
  STRATA_MISH = 14,
  STRATA_RELU6 = 15,
  STRATA_SQRT_SOFTPLUS = 16
};
enum { STRATA_ROUTE_SOFTMAX = 1, STRATA_ROUTE_SIGMOID = 2 };
typedef struct strata_op_moe {
  strata_hdr hdr;
  uint32_t router, router_bias, gate, up, down; /* gate and up of the experts may be a group */
  uint32_t top_k, route, normalise, activation, reserved;
  double scale; /* of the routed sum; 1: none */
  /* 1.1: weights as index + 1; 0: none. The first three are biases of the experts' gate, up and
     down. choice [X] is added to the scores that choose experts, not to those that weigh them. */
  uint32_t gate_bias, up_bias, down_bias, choice;
  /* 1.1: the experts form `groups` equal groups, and a token chooses from the best top_groups:
     those with the largest sums of their group_best best scores. groups 0: it chooses from all. */
  uint32_t groups, top_groups, group_best, reserved2;
  double least_sum; /* 1.1: the least number that a token's weights are divided by */
  double limit;     /* 1.1: clamps gate to at most limit, up to -limit..limit; 0: no clamping */
  double up_offset; /* 1.1: f(gate) * (up + up_offset) */
} strata_op_moe;

enum {
  STRATA_ADD = 1,
  STRATA_MUL = 2,
  STRATA_SCALE = 3,
  STRATA_SOFT_CAP = 4,
  STRATA_CLAMP = 5,
  STRATA_SCALE_ROUNDED = 6
};
enum { STRATA_MERGED = 0, STRATA_SINGLE = 1, STRATA_FUSED = 2, STRATA_INTERLEAVED = 3 };

/* "strata.host.ops/1": the host computes, records shapes or differentiates; callers cannot tell. */
typedef struct strata_ops {
  strata_hdr hdr;
  /* Gives the weight as a dense tensor, alive for the call; ops below do not need it.
     [rank-thread] */
  strata_status (*weight)(strata_call*, uint32_t weight, strata_tensor** out);
  /* Looks up rows of a table: ids [T] -> [T,D]. [rank-thread] */
  strata_status (*embedding)(strata_call*, uint32_t weight, strata_tensor* x, strata_tensor** out);
  /* Looks up rows of a table of learned positions, at position + offset: [T,D]. [rank-thread] */
  strata_status (*positions)(strata_call*, uint32_t weight, int64_t offset, strata_tensor** out);
  /* Multiplies: x [T,in] -> [T,out], one tensor in out[] for each member. [rank-thread] */
  strata_status (*linear)(strata_call*, const strata_op_linear*, strata_tensor* x,
                          strata_tensor** out);
  /* Normalizes the last dimension. [rank-thread] */
  strata_status (*norm)(strata_call*, const strata_op_norm*, strata_tensor* x, strata_tensor** out);
  /* Rotates x [T,H,E] by its tokens' positions. [rank-thread] */
  strata_status (*rope)(strata_call*, const strata_op_rope*, strata_tensor* x, strata_tensor** out);
  /* Appends k, v [T,K,E] to the KV cache and attends: q [T,H,E] -> [T,H*Ev]. [rank-thread] */
  strata_status (*attention)(strata_call*, const strata_op_attention*, strata_tensor* q,
                             strata_tensor* k, strata_tensor* v, strata_tensor** out);
  /* Routes tokens, fetches the chosen experts, computes: [T,D] -> [T,D]. [rank-thread] */
  strata_status (*moe)(strata_call*, const strata_op_moe*, strata_tensor* x, strata_tensor** out);
  /* Computes f(x). [rank-thread] */
  strata_status (*activation)(strata_call*, int32_t f, strata_tensor* x, strata_tensor** out);
  /* Computes f(gate) * up; up NULL: gate [..,2n] holds both, one after the other. [rank-thread] */
  strata_status (*gated)(strata_call*, int32_t f, strata_tensor* gate, strata_tensor* up,
                         strata_tensor** out);
  /* Adds or multiplies a and b, broadcast; the other ops take a and value, with b NULL. Clamp: to
     -value..value. Scale rounded: by value rounded to a's dtype. [rank-thread] */
  strata_status (*elementwise)(strata_call*, int32_t op, strata_tensor* a, strata_tensor* b,
                               double value, strata_tensor** out);
  /* Reshapes [T,n] -> [T,H,E]; fused, interleaved: q, k, v in out[]; merged: back to [T,n].
     [rank-thread] */
  strata_status (*heads)(strata_call*, int32_t layout, uint32_t h, uint32_t k, uint32_t e,
                         strata_tensor* x, strata_tensor** out);
  /* Applies dropout, with the same mask when the unit is run again; outside training x stays as it
     is. [rank-thread] */
  strata_status (*dropout)(strata_call*, double p, strata_tensor* x, strata_tensor** out);
  /* Runs any other op, with attributes in JSON; an unknown name fails with the list of names. NULL
     stands for an optional input that is absent. [rank-thread] */
  strata_status (*call)(strata_call*, strata_str name, strata_str json, strata_tensor* const* in,
                        uint32_t n_in, strata_tensor** out, uint32_t n_out);
  /* 1.1: Splits x [..,n] along the last dimension into parts of these widths, in out[].
     [rank-thread] */
  strata_status (*split)(strata_call*, const uint32_t* widths, uint32_t count, strata_tensor* x,
                         strata_tensor** out);
  /* 1.1: Concatenates in[] [..,n] along the last dimension: [..,sum]. Their other dimensions are
     equal, or 1 and then broadcast. [rank-thread] */
  strata_status (*concat)(strata_call*, strata_tensor* const* in, uint32_t count,
                          strata_tensor** out);
} strata_ops;

#ifdef __cplusplus
}
#endif
