/* A stranger's attention backend, in C: loops over host memory in float32, which read the blocks of
 * the cache as they lie. */
#include <math.h>
#include <stdlib.h>
#include <strata/abi/draft/attention.h>
#include <string.h>

struct strata_self {
  const strata_host_tensor* tensors;
  int64_t heads, kv_heads, dim_qk, dim_v, window, block;
  int causal;
  double scale;
};

static const strata_host* the_host;

static strata_str str(const char* text) { return (strata_str){text, strlen(text)}; }

static strata_status fail(strata_status code, const char* words) {
  return the_host->fail(the_host, code, str(words));
}

static int is_float32(strata_dtype dtype) {
  return dtype.code == STRATA_FLOAT && dtype.bits == 32 && dtype.lanes == 1;
}

static int32_t score(const strata_attention_request* r) {
  if (r == NULL || r->hdr.size < sizeof *r || r->heads == 0 || r->kv_heads == 0 ||
      r->heads % r->kv_heads != 0 || r->dim_qk == 0 || r->dim_v == 0)
    return 0;
  if ((r->mask & ~(uint32_t)STRATA_MASK_CAUSAL) != 0 || r->need != 0 || r->sinks != 0 ||
      r->soft_cap != 0 || r->dropout != 0 || r->kv_codec.n != 0)
    return 0;
  return r->device.type == STRATA_CPU && is_float32(r->dtype) && is_float32(r->kv_dtype);
}

static strata_status create(const strata_host* host, const strata_attention_request* r,
                            strata_self** out) {
  const strata_host_tensor* tensors = host->get(host, str("strata.host.tensor/1"));
  if (tensors == NULL) return fail(STRATA_UNIMPLEMENTED, "loops: this host has no tensors");
  strata_self* made = malloc(sizeof *made);
  if (made == NULL) return fail(STRATA_EXHAUSTED, "loops: no memory for the backend");
  *made = (strata_self){.tensors = tensors,
                        .heads = r->heads,
                        .kv_heads = r->kv_heads,
                        .dim_qk = r->dim_qk,
                        .dim_v = r->dim_v,
                        .window = r->window,
                        .block = r->block,
                        .causal = (r->mask & STRATA_MASK_CAUSAL) != 0,
                        .scale = r->scale};
  *out = made;
  return STRATA_OK;
}

static void destroy(strata_self* self) { free(self); }

/* The weights of one query's keys. */
static strata_status workspace(strata_self* self, uint32_t tokens, uint32_t sequences,
                               uint32_t max_keys, uint64_t* bytes) {
  (void)self, (void)tokens, (void)sequences;
  *bytes = (uint64_t)max_keys * sizeof(float);
  return STRATA_OK;
}

/* A tensor of three or four dimensions, of float32. */
struct rows {
  const float* data;
  int64_t stride[4];
  int32_t ndim;
};

static strata_status see(const strata_self* self, strata_call* call, strata_tensor* tensor,
                         strata_view* view) {
  const strata_status status = self->tensors->view(call, tensor, view);
  if (status == STRATA_OK && view->device.type == STRATA_CUDA)
    return fail(STRATA_UNIMPLEMENTED, "loops: attends in host memory alone");
  return status;
}

static strata_status rows_of(const strata_self* self, strata_call* call, strata_tensor* tensor,
                             struct rows* out) {
  strata_view v;
  const strata_status status = see(self, call, tensor, &v);
  if (status != STRATA_OK) return status;
  if (!is_float32(v.dtype) || v.ndim < 3 || v.ndim > 4)
    return fail(STRATA_INVALID, "loops: a tensor that is no [T,H,E] of float32");
  out->data = (const float*)((char*)v.data + v.byte_offset);
  out->ndim = v.ndim;
  int64_t whole = 1;
  for (int32_t i = v.ndim; i-- > 0; whole *= v.shape[i])
    out->stride[i] = v.strides != NULL ? v.strides[i] : whole;
  return STRATA_OK;
}

static strata_status numbers(const strata_self* self, strata_call* call, strata_tensor* tensor,
                             const int32_t** out, int64_t* columns) {
  strata_view v;
  const strata_status status = see(self, call, tensor, &v);
  if (status != STRATA_OK) return status;
  *out = (const int32_t*)((char*)v.data + v.byte_offset);
  *columns = v.shape[v.ndim - 1];
  return STRATA_OK;
}

/* The rows of a sequence's keys or values: in blocks, or one behind the other from `first` on. */
struct keys {
  struct rows rows;
  const int32_t* blocks;
  int64_t block, first;
};

static const float* key_at(const struct keys* k, int64_t at, int64_t head) {
  const int64_t* s = k->rows.stride;
  if (k->blocks == NULL) return k->rows.data + (k->first + at) * s[0] + head * s[1];
  return k->rows.data + k->blocks[at / k->block] * s[0] + at % k->block * s[1] + head * s[2];
}

/* The output of one query, whose position is that of key `self_at`. */
static void attend(const strata_self* self, const float* q, int64_t head, int64_t self_at,
                   int64_t count, const struct keys* k, const struct keys* v, float* weight,
                   float* out) {
  const int64_t kv = head / (self->heads / self->kv_heads);
  const int64_t last = self->causal ? self_at + 1 : count;
  const int64_t first =
      self->window > 0 && self_at + 1 > self->window ? self_at + 1 - self->window : 0;
  float most = -INFINITY, sum = 0;
  for (int64_t j = first; j < last; ++j) {
    const float* key = key_at(k, j, kv);
    float dot = 0;
    for (int64_t e = 0; e < self->dim_qk; ++e) dot += q[e] * key[e];
    weight[j] = dot * (float)self->scale;
    if (weight[j] > most) most = weight[j];
  }
  for (int64_t j = first; j < last; ++j) sum += weight[j] = expf(weight[j] - most);
  for (int64_t e = 0; e < self->dim_v; ++e) out[e] = 0;
  for (int64_t j = first; j < last; ++j) {
    const float* value = key_at(v, j, kv);
    for (int64_t e = 0; e < self->dim_v; ++e) out[e] += weight[j] / sum * value[e];
  }
}

static strata_status run(strata_self* self, strata_call* call, const strata_attention_args* args,
                         strata_tensor** out, strata_tensor** saved) {
  *saved = NULL;
  struct rows q;
  struct keys k = {.block = self->block}, v = {.block = self->block};
  const int32_t *starts, *lengths, *table = NULL;
  int64_t bounds, sequences, blocks = 0;
  if (args->k.n != 1 || args->v.n != 1)
    return fail(STRATA_UNIMPLEMENTED, "loops: reads a dense cache alone");
  strata_status status = rows_of(self, call, args->q, &q);
  if (status == STRATA_OK) status = rows_of(self, call, args->k.p[0], &k.rows);
  if (status == STRATA_OK) status = rows_of(self, call, args->v.p[0], &v.rows);
  if (status == STRATA_OK) status = numbers(self, call, args->starts, &starts, &bounds);
  if (status == STRATA_OK) status = numbers(self, call, args->lengths, &lengths, &sequences);
  if (status == STRATA_OK && args->table != NULL)
    status = numbers(self, call, args->table, &table, &blocks);
  if (status != STRATA_OK) return status;
  const int64_t shape[2] = {starts[sequences], self->heads * self->dim_v};
  void* weight;
  status = self->tensors->workspace(call, (uint64_t)args->max_keys * sizeof(float), &weight);
  if (status == STRATA_OK)
    status = self->tensors->empty(call, (strata_dtype){STRATA_FLOAT, 32, 1}, 2, shape, out);
  if (status != STRATA_OK) return status;
  strata_view y;
  status = self->tensors->view(call, *out, &y);
  if (status != STRATA_OK) return status;
  float* to = (float*)((char*)y.data + y.byte_offset);
  for (int64_t s = 0; s < sequences; ++s) {
    k.first = v.first = starts[s];
    k.blocks = v.blocks = table != NULL ? table + s * blocks : NULL;
    const int64_t tokens = starts[s + 1] - starts[s];
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t h = 0; h < self->heads; ++h)
        attend(self, q.data + (starts[s] + t) * q.stride[0] + h * q.stride[1], h,
               lengths[s] - tokens + t, lengths[s], &k, &v, weight,
               to + (starts[s] + t) * shape[1] + h * self->dim_v);
  }
  return STRATA_OK;
}

static const strata_attention table_of_loops = {.hdr = {.size = sizeof table_of_loops},
                                                .score = score,
                                                .create = create,
                                                .destroy = destroy,
                                                .workspace = workspace,
                                                .run = run};

static strata_status open_plugin(const strata_host* host) {
  if (!STRATA_HAS(strata_host, host, fail)) return STRATA_UNIMPLEMENTED;
  the_host = host;
  if (host->abi_major != STRATA_ABI_MAJOR)
    return fail(STRATA_UNIMPLEMENTED, "loops: a host of another ABI: it knows major 1");
  return STRATA_OK;
}

static void close_plugin(void) { the_host = NULL; }

static const void* query(strata_str id) {
  static const char name[] = "strata.attention/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &table_of_loops : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .kind = {STRATA_STR("attention")},
                                        .name = {STRATA_STR("loops")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR("A stranger")},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
