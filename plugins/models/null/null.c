/* The smallest family, in C: an embedding and a head. Copy this file for a family of your own in C;
 * null.cpp is the same in C++. Dims: T tokens, V vocabulary, D hidden. */
#include <stdlib.h>
#include <strata/abi/model.h>
#include <string.h>

struct strata_self {
  const strata_ops* ops;
  int64_t v, d;
};

static const strata_host* the_host;

static strata_str str(const char* text) { return (strata_str){text, strlen(text)}; }

static strata_status fail(strata_status code, const char* words) {
  return the_host->fail(the_host, code, str(words));
}

/* It knows one model_type. The host asks only if no manifest, or more than one, has the type. */
static int32_t score(strata_str model_type, const strata_config* config) {
  const strata_str known = str("null");
  (void)config;
  return model_type.n == known.n && memcmp(model_type.p, known.p, known.n) == 0 ? 100 : 0;
}

static strata_status create(const strata_host* host, const strata_config* config,
                            strata_self** out) {
  const strata_host_config* of = host->get(host, str("strata.host.config/1"));
  const strata_ops* ops = host->get(host, str("strata.host.ops/1"));
  if (of == NULL || ops == NULL) return fail(STRATA_UNIMPLEMENTED, "this host cannot compute");
  strata_self self = {.ops = ops};
  strata_status status = of->i64(config, str("vocab_size"), NULL, &self.v);
  if (status == STRATA_OK) status = of->i64(config, str("hidden_size"), NULL, &self.d);
  if (status != STRATA_OK) return status;
  strata_self* made = malloc(sizeof *made);
  if (made == NULL) return fail(STRATA_EXHAUSTED, "no memory for the family");
  *made = self;
  *out = made;
  return STRATA_OK;
}

static void destroy(strata_self* self) { free(self); }

static strata_status emit_unit(const strata_self* self, uint32_t kind,
                               strata_status (*emit)(void*, const strata_unit*), void* to) {
  const int embedding = kind == STRATA_UNIT_EMBEDDING;
  const int64_t shape[] = {self->v, self->d};
  const strata_weight weight = {.hdr = {.size = sizeof weight},
                                .name = str(embedding ? "embed.weight" : "head.weight"),
                                .shape = shape,
                                .ndim = 2,
                                .role = embedding ? STRATA_TABLE : STRATA_HEAD};
  const strata_weight* weights[] = {&weight};
  const strata_unit unit = {.hdr = {.size = sizeof unit},
                            .name = str(embedding ? "embedding" : "head"),
                            .weights = weights,
                            .count = 1,
                            .kind = kind};
  return emit(to, &unit);
}

static strata_status declare(strata_self* self, strata_status (*emit)(void*, const strata_unit*),
                             void* to) {
  const strata_status status = emit_unit(self, STRATA_UNIT_EMBEDDING, emit, to);
  return status == STRATA_OK ? emit_unit(self, STRATA_UNIT_HEAD, emit, to) : status;
}

/* ids [T] -> [T,D]; [T,D] -> [T,V] */
static strata_status forward(strata_self* self, strata_call* call, uint32_t unit, strata_tensor* x,
                             strata_tensor** out) {
  if (unit > 1) return fail(STRATA_INVALID, "there is no such unit");
  if (!STRATA_HAS(strata_ops, self->ops, embedding))
    return fail(STRATA_UNIMPLEMENTED, "embedding: this host does not have it: use a newer Strata");
  if (!STRATA_HAS(strata_ops, self->ops, linear))
    return fail(STRATA_UNIMPLEMENTED, "linear: this host does not have it: use a newer Strata");
  if (unit == 0) return self->ops->embedding(call, 0, x, out);
  const strata_op_linear head = {
      .hdr = {.size = sizeof head}, .weight = 0, .members = 1, .bias = STRATA_NONE};
  return self->ops->linear(call, &head, x, out);
}

static const strata_model table = {.hdr = {.size = sizeof table},
                                   .score = score,
                                   .create = create,
                                   .destroy = destroy,
                                   .declare = declare,
                                   .forward = forward};

static strata_status open_plugin(const strata_host* host) {
  const strata_str words = {STRATA_STR("a host of another ABI: it knows major 1")};
  if (host == NULL || !STRATA_HAS(strata_host, host, fail)) return STRATA_INVALID;
  if (host->abi_major != STRATA_ABI_MAJOR) return host->fail(host, STRATA_UNIMPLEMENTED, words);
  the_host = host;
  return STRATA_OK;
}

static void close_plugin(void) { the_host = NULL; }

static const void* query(strata_str id) {
  static const char name[] = "strata.model/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &table : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .kind = {STRATA_STR("model")},
                                        .name = {STRATA_STR("null")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR(STRATA_VENDOR)},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
