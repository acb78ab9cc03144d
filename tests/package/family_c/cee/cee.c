/* The same decoder as many others, in plain C over the installed header: a whole layer a unit.
 * Dims: T tokens, V vocabulary, D hidden, F ffn, H heads, K kv heads, E head. */
#include <stdio.h>
#include <stdlib.h>
#include <strata/abi/model.h>
#include <string.h>

enum { LONGEST = 1 << 24, MOST_LAYERS = 1 << 12, MOST_OWNED = 24 };

/* Weights of a layer, by their place in its declaration. */
enum { NORM, Q, K_, V_, O, FFN_NORM, GATE, UP, DOWN, LAYER_WEIGHTS };

struct strata_self {
  const strata_host* host;
  const strata_ops* ops;
  const strata_host_tensor* tensors;
  int64_t v, d, f, layers, h, k, e;
  double eps;
  strata_op_rope rope;
};

static const strata_host* the_host;

static strata_status fail(const strata_host* host, strata_status code, const char* words) {
  const strata_str text = {words, strlen(words)};
  return host->fail(host, code, text);
}

static strata_str str(const char* text) { return (strata_str){text, strlen(text)}; }

/* ---- configuration -------------------------------------------------------------------------- */

static int32_t score(strata_str model_type, const strata_config* config) {
  (void)config;
  return model_type.n == 3 && memcmp(model_type.p, "cee", 3) == 0 ? 100 : 0;
}

static strata_status length(const strata_host_config* of, const strata_config* config,
                            const char* key, const int64_t* otherwise, int64_t* out) {
  const strata_status status = of->i64(config, str(key), otherwise, out);
  if (status != STRATA_OK) return status;
  if (*out < 1 || *out > LONGEST) return fail(the_host, STRATA_INVALID, "cee: no length");
  return STRATA_OK;
}

static strata_status read(strata_self* self, const strata_config* config) {
  const strata_host_config* of = self->host->get(self->host, str("strata.host.config/1"));
  if (of == NULL || self->ops == NULL || self->tensors == NULL)
    return fail(self->host, STRATA_UNIMPLEMENTED, "cee: this host cannot compute");
  const double eps = 1e-6;
  strata_status status = length(of, config, "vocab_size", NULL, &self->v);
  if (status == STRATA_OK) status = length(of, config, "hidden_size", NULL, &self->d);
  if (status == STRATA_OK) status = length(of, config, "intermediate_size", NULL, &self->f);
  if (status == STRATA_OK) status = length(of, config, "num_hidden_layers", NULL, &self->layers);
  if (status == STRATA_OK) status = length(of, config, "num_attention_heads", NULL, &self->h);
  if (status != STRATA_OK) return status;
  const int64_t head = self->d / self->h;
  status = length(of, config, "num_key_value_heads", &self->h, &self->k);
  if (status == STRATA_OK) status = length(of, config, "head_dim", &head, &self->e);
  if (status == STRATA_OK) status = of->f64(config, str("rms_norm_eps"), &eps, &self->eps);
  self->rope = (strata_op_rope){.hdr = {.size = sizeof self->rope}};
  if (status == STRATA_OK) status = of->rope(config, str(""), &self->rope);
  if (status == STRATA_OK && self->layers > MOST_LAYERS)
    status = fail(self->host, STRATA_INVALID, "cee: too many layers");
  return status;
}

static strata_status create(const strata_host* host, const strata_config* config,
                            strata_self** out) {
  strata_self* self = calloc(1, sizeof *self);
  if (self == NULL) return fail(host, STRATA_EXHAUSTED, "cee: no memory for the family");
  self->host = host;
  self->ops = host->get(host, str("strata.host.ops/1"));
  self->tensors = host->get(host, str("strata.host.tensor/1"));
  const strata_status status = read(self, config);
  if (status != STRATA_OK) {
    free(self);
    return status;
  }
  *out = self;
  return STRATA_OK;
}

static void destroy(strata_self* self) { free(self); }

/* ---- which weights there are ---------------------------------------------------------------- */

typedef struct weight_row {
  const char* name;
  int64_t out, in; /* in 0: a vector */
  uint32_t role, group;
} weight_row;

typedef strata_status emit_unit(void*, const strata_unit*);

static strata_status emit_rows(const char* prefix, uint32_t kind, const weight_row* rows,
                               uint32_t count, emit_unit* emit, void* to) {
  char names[LAYER_WEIGHTS][128];
  int64_t shapes[LAYER_WEIGHTS][2];
  strata_weight weights[LAYER_WEIGHTS];
  const strata_weight* pointers[LAYER_WEIGHTS];
  for (uint32_t i = 0; i < count; ++i) {
    const int n = snprintf(names[i], sizeof names[i], "%s%s", prefix, rows[i].name);
    shapes[i][0] = rows[i].out;
    shapes[i][1] = rows[i].in;
    weights[i] = (strata_weight){.hdr = {.size = sizeof weights[i]},
                                 .name = {names[i], (uint64_t)n},
                                 .shape = shapes[i],
                                 .ndim = rows[i].in == 0 ? 1 : 2,
                                 .role = rows[i].role,
                                 .group = rows[i].group};
    pointers[i] = &weights[i];
  }
  const strata_unit unit = {.hdr = {.size = sizeof unit},
                            .name = str(*prefix == '\0' ? rows[0].name : prefix),
                            .weights = pointers,
                            .count = count,
                            .kind = kind};
  return emit(to, &unit);
}

static strata_status declare(strata_self* m, emit_unit* emit, void* to) {
  const weight_row table[] = {{"model.embed_tokens.weight", m->v, m->d, STRATA_TABLE, 0}};
  strata_status status = emit_rows("", STRATA_UNIT_EMBEDDING, table, 1, emit, to);
  const weight_row layer[LAYER_WEIGHTS] = {
      [NORM] = {"input_layernorm.weight", m->d, 0, STRATA_VECTOR, 0},
      [Q] = {"self_attn.q_proj.weight", m->h * m->e, m->d, STRATA_MATRIX, 1},
      [K_] = {"self_attn.k_proj.weight", m->k * m->e, m->d, STRATA_MATRIX, 1},
      [V_] = {"self_attn.v_proj.weight", m->k * m->e, m->d, STRATA_MATRIX, 1},
      [O] = {"self_attn.o_proj.weight", m->d, m->h * m->e, STRATA_MATRIX, 0},
      [FFN_NORM] = {"post_attention_layernorm.weight", m->d, 0, STRATA_VECTOR, 0},
      [GATE] = {"mlp.gate_proj.weight", m->f, m->d, STRATA_MATRIX, 2},
      [UP] = {"mlp.up_proj.weight", m->f, m->d, STRATA_MATRIX, 2},
      [DOWN] = {"mlp.down_proj.weight", m->d, m->f, STRATA_MATRIX, 0}};
  for (int64_t l = 0; status == STRATA_OK && l < m->layers; ++l) {
    char prefix[48];
    snprintf(prefix, sizeof prefix, "model.layers.%d.", (int)l);
    status = emit_rows(prefix, STRATA_UNIT_BODY, layer, LAYER_WEIGHTS, emit, to);
  }
  const weight_row head[] = {{"model.norm.weight", m->d, 0, STRATA_VECTOR, 0},
                             {"lm_head.weight", m->v, m->d, STRATA_HEAD, 0}};
  return status != STRATA_OK ? status : emit_rows("", STRATA_UNIT_HEAD, head, 2, emit, to);
}

/* ---- what one unit computes ----------------------------------------------------------------- */

/* The run of one unit: after a failure every step does nothing. Tensors that the steps made are
 * released at its end. */
typedef struct run {
  const strata_self* m;
  strata_call* call;
  strata_status status;
  strata_tensor* owned[MOST_OWNED];
  uint32_t count;
} run;

/* Whether an op may be called; one that the host does not have fails the run, by name. */
static int can(run* r, int has, const char* op) {
  char words[64];
  if (r->status != STRATA_OK) return 0;
  if (has) return 1;
  snprintf(words, sizeof words, "cee: this host has no op %s: use a newer one", op);
  r->status = fail(r->m->host, STRATA_UNIMPLEMENTED, words);
  return 0;
}
#define CAN(r, op) can(r, STRATA_HAS(strata_ops, (r)->m->ops, op), #op)

static strata_tensor* own(run* r, strata_status status, strata_tensor* const* made) {
  r->status = status;
  if (status == STRATA_OK) r->owned[r->count++] = *made;
  return *made;
}

static strata_tensor* norm(run* r, uint32_t weight, strata_tensor* x) {
  const strata_op_norm op = {.hdr = {.size = sizeof op},
                             .kind = STRATA_RMS_NORM,
                             .weight = weight,
                             .bias = STRATA_NONE,
                             .eps = r->m->eps};
  strata_tensor* y = NULL;
  if (!CAN(r, norm)) return NULL;
  return own(r, r->m->ops->norm(r->call, &op, x, &y), &y);
}

static void linear(run* r, uint32_t weight, uint32_t members, strata_tensor* x,
                   strata_tensor** out) {
  const strata_op_linear op = {
      .hdr = {.size = sizeof op}, .weight = weight, .members = members, .bias = STRATA_NONE};
  if (!CAN(r, linear)) return;
  r->status = r->m->ops->linear(r->call, &op, x, out);
  for (uint32_t i = 0; r->status == STRATA_OK && i < members; ++i) r->owned[r->count++] = out[i];
}

static strata_tensor* heads(run* r, int64_t count, strata_tensor* x) {
  strata_tensor* y = NULL;
  if (!CAN(r, heads)) return NULL;
  const uint32_t n = (uint32_t)count, e = (uint32_t)r->m->e;
  return own(r, r->m->ops->heads(r->call, STRATA_SINGLE, n, n, e, x, &y), &y);
}

static strata_tensor* turn(run* r, strata_tensor* x) {
  strata_tensor* y = NULL;
  if (!CAN(r, rope)) return NULL;
  return own(r, r->m->ops->rope(r->call, &r->m->rope, x, &y), &y);
}

static strata_tensor* attend(run* r, uint32_t layer, strata_tensor** qkv) {
  const strata_op_attention op = {
      .hdr = {.size = sizeof op}, .layer = layer, .mask = STRATA_MASK_CAUSAL, .sinks = STRATA_NONE};
  strata_tensor* q = turn(r, heads(r, r->m->h, qkv[0]));
  strata_tensor* k = turn(r, heads(r, r->m->k, qkv[1]));
  strata_tensor* v = heads(r, r->m->k, qkv[2]);
  strata_tensor* y = NULL;
  if (!CAN(r, attention)) return NULL;
  return own(r, r->m->ops->attention(r->call, &op, q, k, v, &y), &y);
}

static strata_tensor* gated(run* r, strata_tensor** gate_up) {
  strata_tensor* y = NULL;
  if (!CAN(r, gated)) return NULL;
  return own(r, r->m->ops->gated(r->call, STRATA_SILU, gate_up[0], gate_up[1], &y), &y);
}

static strata_tensor* add(run* r, strata_tensor* a, strata_tensor* b) {
  strata_tensor* y = NULL;
  if (!CAN(r, elementwise)) return NULL;
  return own(r, r->m->ops->elementwise(r->call, STRATA_ADD, a, b, 0, &y), &y);
}

static strata_tensor* layer(run* r, uint32_t index, strata_tensor* x) {
  strata_tensor *three[3] = {NULL}, *two[2] = {NULL}, *y = NULL;
  linear(r, Q, 3, norm(r, NORM, x), three);
  linear(r, O, 1, attend(r, index, three), &y);
  x = add(r, x, y);
  linear(r, GATE, 2, norm(r, FFN_NORM, x), two);
  linear(r, DOWN, 1, gated(r, two), &y);
  return add(r, x, y);
}

static strata_tensor* unit_of(run* r, uint32_t unit, strata_tensor* x) {
  strata_tensor* y = NULL;
  if (unit == 0 && !CAN(r, embedding)) return NULL;
  if (unit == 0) return own(r, r->m->ops->embedding(r->call, 0, x, &y), &y);
  if (unit <= r->m->layers) return layer(r, unit - 1, x);
  linear(r, 1, 1, norm(r, 0, x), &y);
  return y;
}

static strata_status forward(strata_self* self, strata_call* call, uint32_t unit, strata_tensor* x,
                             strata_tensor** out) {
  run r = {.m = self, .call = call, .status = STRATA_OK};
  if (unit > self->layers + 1) return fail(self->host, STRATA_INVALID, "cee: no such unit");
  strata_tensor* y = unit_of(&r, unit, x);
  if (r.status == STRATA_OK) {
    self->tensors->retain(y);
    *out = y;
  }
  for (uint32_t i = 0; i < r.count; ++i) self->tensors->release(r.owned[i]);
  return r.status;
}

/* ---- the plugin ----------------------------------------------------------------------------- */

static const strata_model model = {.hdr = {.size = sizeof model},
                                   .score = score,
                                   .create = create,
                                   .destroy = destroy,
                                   .declare = declare,
                                   .forward = forward};

static strata_status open_plugin(const strata_host* host) {
  if (!STRATA_HAS(strata_host, host, fail)) return STRATA_UNIMPLEMENTED;
  if (host->abi_major != STRATA_ABI_MAJOR)
    return fail(host, STRATA_UNIMPLEMENTED, "cee: a host of another ABI: it knows major 1");
  the_host = host;
  return STRATA_OK;
}

static void close_plugin(void) {}

static const void* query(strata_str id) {
  static const char name[] = "strata.model/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &model : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .min_host_minor = 0,
                                        .kind = {STRATA_STR("model")},
                                        .name = {STRATA_STR("cee")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR("A stranger")},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
