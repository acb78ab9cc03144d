/* A stranger's codec, in C: it keeps the upper half of each float32, rounded toward zero. */
#include <stdlib.h>
#include <strata/abi/draft/quant.h>
#include <string.h>

struct strata_self {
  const strata_host_tensor* tensors;
};

static const strata_host* the_host;

static strata_str str(const char* text) { return (strata_str){text, strlen(text)}; }

static strata_status fail(strata_status code, const char* words) {
  return the_host->fail(the_host, code, str(words));
}

static int is_clip(strata_str scheme) { return scheme.n == 4 && memcmp(scheme.p, "clip", 4) == 0; }

static int32_t score(strata_str scheme, const strata_config* options) {
  (void)options;
  return is_clip(scheme);
}

static strata_status create(const strata_host* host, strata_str scheme,
                            const strata_config* options, strata_self** out) {
  (void)options;
  if (!is_clip(scheme)) return fail(STRATA_INVALID, "clip: knows no other scheme");
  const strata_host_tensor* tensors = host->get(host, str("strata.host.tensor/1"));
  if (tensors == NULL) return fail(STRATA_UNIMPLEMENTED, "clip: this host has no tensors");
  strata_self* made = malloc(sizeof *made);
  if (made == NULL) return fail(STRATA_EXHAUSTED, "clip: no memory for the codec");
  made->tensors = tensors;
  *out = made;
  return STRATA_OK;
}

static void destroy(strata_self* self) { free(self); }

static strata_status layout(strata_self* self, strata_dtype dtype, uint32_t ndim,
                            const int64_t* shape, void (*emit)(void*, const strata_part*),
                            void* to) {
  (void)self, (void)dtype;
  const strata_part part = {.hdr = {.size = sizeof part},
                            .role = {STRATA_STR("halves")},
                            .shape = shape,
                            .ndim = ndim,
                            .shard_axis = ndim > 0 ? 0 : STRATA_NONE,
                            .dtype = {STRATA_INT, 16, 1}};
  emit(to, &part);
  return STRATA_OK;
}

/* The memory of a weight and of its part, which have equal numbers of elements. */
struct pair {
  float* dense;
  uint16_t* halves;
  uint64_t count;
};

static uint64_t elements(const strata_view* view) {
  uint64_t count = 1;
  for (int32_t i = 0; i < view->ndim; ++i) count *= (uint64_t)view->shape[i];
  return count;
}

static strata_status see(const strata_self* self, strata_call* call, strata_tensor* dense,
                         const strata_parts* parts, struct pair* out) {
  strata_view a, b;
  if (parts->n != 1) return fail(STRATA_INVALID, "clip: a weight has one part");
  strata_status status = self->tensors->view(call, dense, &a);
  if (status == STRATA_OK) status = self->tensors->view(call, parts->p[0], &b);
  if (status != STRATA_OK) return status;
  if (a.device.type == STRATA_CUDA || b.device.type == STRATA_CUDA)
    return fail(STRATA_UNIMPLEMENTED, "clip: knows host memory alone");
  if (a.dtype.code != STRATA_FLOAT || a.dtype.bits != 32)
    return fail(STRATA_UNIMPLEMENTED, "clip: knows weights of float32 alone");
  out->count = elements(&a);
  if (b.dtype.bits != 16 || elements(&b) != out->count)
    return fail(STRATA_INVALID, "clip: the part is not of the weight's size");
  out->dense = (float*)((char*)a.data + a.byte_offset);
  out->halves = (uint16_t*)((char*)b.data + b.byte_offset);
  return STRATA_OK;
}

static strata_status pack(strata_self* self, strata_call* call, strata_tensor* weight,
                          const strata_parts* parts) {
  struct pair on;
  const strata_status status = see(self, call, weight, parts, &on);
  for (uint64_t i = 0; status == STRATA_OK && i < on.count; ++i) {
    uint32_t bits;
    memcpy(&bits, on.dense + i, sizeof bits);
    on.halves[i] = (uint16_t)(bits >> 16);
  }
  return status;
}

static strata_status unpack(strata_self* self, strata_call* call, const strata_parts* parts,
                            strata_tensor* weight) {
  struct pair on;
  const strata_status status = see(self, call, weight, parts, &on);
  for (uint64_t i = 0; status == STRATA_OK && i < on.count; ++i) {
    const uint32_t bits = (uint32_t)on.halves[i] << 16;
    memcpy(on.dense + i, &bits, sizeof bits);
  }
  return status;
}

static const strata_quant table = {.hdr = {.size = sizeof table},
                                   .score = score,
                                   .create = create,
                                   .destroy = destroy,
                                   .layout = layout,
                                   .pack = pack,
                                   .unpack = unpack};

static strata_status open_plugin(const strata_host* host) {
  if (!STRATA_HAS(strata_host, host, fail)) return STRATA_UNIMPLEMENTED;
  the_host = host;
  if (host->abi_major != STRATA_ABI_MAJOR)
    return fail(STRATA_UNIMPLEMENTED, "clip: a host of another ABI: it knows major 1");
  return STRATA_OK;
}

static void close_plugin(void) { the_host = NULL; }

static const void* query(strata_str id) {
  static const char name[] = "strata.quant/1";
  return id.n == sizeof name - 1 && memcmp(id.p, name, id.n) == 0 ? &table : NULL;
}

const strata_plugin strata_plugin_v1 = {.hdr = {.size = sizeof strata_plugin_v1},
                                        .magic = STRATA_MAGIC,
                                        .abi_major = STRATA_ABI_MAJOR,
                                        .abi_minor = STRATA_ABI_MINOR,
                                        .kind = {STRATA_STR("quant")},
                                        .name = {STRATA_STR("clip")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR("A stranger")},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
