/* No attention, in C: each token gets its own query back, cut to the width of a value. Copy this
 * file for a backend in C; null.cpp is the same in C++. */
#include <stdlib.h>
#include <strata/abi/draft/attention.h>
#include <string.h>

struct strata_self {
  const strata_ops* ops;
  const strata_host_tensor* tensors;
  uint32_t heads, dim, rest;
};

static const strata_host* the_host;

static strata_str str(const char* text) { return (strata_str){text, strlen(text)}; }

static strata_status fail(strata_status code, const char* words) {
  return the_host->fail(the_host, code, str(words));
}

/* The score is 0 or 1: `--attention auto` prefers any other backend. */
static int32_t score(const strata_attention_request* r) {
  if (r == NULL || r->hdr.size < sizeof *r || r->heads == 0 || r->kv_heads == 0 || r->dim_v == 0)
    return 0;
  const uint32_t masks = STRATA_MASK_CAUSAL | STRATA_MASK_ALIBI;
  const uint32_t needs = STRATA_NEED_GRAPH | STRATA_NEED_BACKWARD;
  if ((r->mask & ~masks) != 0 || (r->need & ~needs) != 0) return 0;
  return r->heads % r->kv_heads == 0 && r->dim_qk >= r->dim_v;
}

static strata_status create(const strata_host* host, const strata_attention_request* r,
                            strata_self** out) {
  const strata_ops* ops = host->get(host, str("strata.host.ops/1"));
  const strata_host_tensor* tensors = host->get(host, str("strata.host.tensor/1"));
  if (ops == NULL || tensors == NULL || !STRATA_HAS(strata_ops, ops, split) ||
      !STRATA_HAS(strata_ops, ops, heads))
    return fail(STRATA_UNIMPLEMENTED, "this host cannot compute: use a newer Strata");
  strata_self* made = malloc(sizeof *made);
  if (made == NULL) return fail(STRATA_EXHAUSTED, "no memory for the backend");
  *made = (strata_self){ops, tensors, r->heads, r->dim_v, r->dim_qk - r->dim_v};
  *out = made;
  return STRATA_OK;
}

static void destroy(strata_self* self) { free(self); }

static strata_status workspace(strata_self* self, uint32_t tokens, uint32_t sequences,
                               uint32_t max_keys, uint64_t* bytes) {
  (void)self, (void)tokens, (void)sequences, (void)max_keys;
  *bytes = 0;
  return STRATA_OK;
}

/* q [T,H,E] -> [T,H*Ev] */
static strata_status run(strata_self* self, strata_call* call, const strata_attention_args* args,
                         strata_tensor** out, strata_tensor** saved) {
  const strata_ops* ops = self->ops;
  *saved = NULL;
  if (self->rest == 0)
    return ops->heads(call, STRATA_MERGED, self->heads, self->heads, self->dim, args->q, out);
  const uint32_t widths[] = {self->dim, self->rest};
  strata_tensor* parts[2] = {NULL};
  strata_status status = ops->split(call, widths, 2, args->q, parts);
  if (status != STRATA_OK) return status;
  status = ops->heads(call, STRATA_MERGED, self->heads, self->heads, self->dim, parts[0], out);
  for (int i = 0; i < 2; ++i) self->tensors->release(parts[i]);
  return status;
}

static const strata_attention table = {
    .hdr = {.size = sizeof table, .flags = STRATA_ATTENTION_ON_OPS},
    .score = score,
    .create = create,
    .destroy = destroy,
    .workspace = workspace,
    .run = run};

static strata_status open_plugin(const strata_host* host) {
  const strata_str words = {STRATA_STR("a host of another ABI: it knows major 1")};
  if (host == NULL || !STRATA_HAS(strata_host, host, fail)) return STRATA_INVALID;
  if (host->abi_major != STRATA_ABI_MAJOR) return host->fail(host, STRATA_UNIMPLEMENTED, words);
  the_host = host;
  return STRATA_OK;
}

static void close_plugin(void) { the_host = NULL; }

static const void* query(strata_str id) {
  static const char name[] = "strata.attention/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &table : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .kind = {STRATA_STR("attention")},
                                        .name = {STRATA_STR("null")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR(STRATA_VENDOR)},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
