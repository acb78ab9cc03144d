/* The smallest codec, in C: a weight's only part is a copy of it. Copy this file for a codec in C;
 * null.cpp is the same in C++. */
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

/* The schemes in the manifest choose a codec; this host does not ask for its score. */
static int32_t score(strata_str scheme, const strata_config* options) {
  (void)scheme, (void)options;
  return 0;
}

static strata_status create(const strata_host* host, strata_str scheme,
                            const strata_config* options, strata_self** out) {
  (void)scheme, (void)options;
  const strata_host_tensor* tensors = host->get(host, str("strata.host.tensor/1"));
  if (tensors == NULL) return fail(STRATA_UNIMPLEMENTED, "this host has no tensors");
  strata_self* made = malloc(sizeof *made);
  if (made == NULL) return fail(STRATA_EXHAUSTED, "no memory for the codec");
  made->tensors = tensors;
  *out = made;
  return STRATA_OK;
}

static void destroy(strata_self* self) { free(self); }

static strata_status layout(strata_self* self, strata_dtype dtype, uint32_t ndim,
                            const int64_t* shape, void (*emit)(void*, const strata_part*),
                            void* to) {
  (void)self;
  const strata_part part = {.hdr = {.size = sizeof part},
                            .role = {STRATA_STR("codes")},
                            .shape = shape,
                            .ndim = ndim,
                            .shard_axis = 0,
                            .dtype = dtype};
  emit(to, &part);
  return STRATA_OK;
}

/* Copies contiguous host memory of equal size. */
static strata_status copy(const strata_self* self, strata_call* call, strata_tensor* from,
                          strata_tensor* to) {
  strata_view a, b;
  strata_status status = self->tensors->view(call, from, &a);
  if (status == STRATA_OK) status = self->tensors->view(call, to, &b);
  if (status != STRATA_OK) return status;
  if (a.device.type == STRATA_CUDA || b.device.type == STRATA_CUDA)
    return fail(STRATA_UNIMPLEMENTED, "null: copies host memory alone");
  uint64_t bytes = a.dtype.bits / 8u, others = b.dtype.bits / 8u;
  for (int32_t i = 0; i < a.ndim; ++i) bytes *= (uint64_t)a.shape[i];
  for (int32_t i = 0; i < b.ndim; ++i) others *= (uint64_t)b.shape[i];
  if (bytes != others) return fail(STRATA_INVALID, "null: the part is not of the weight's size");
  memcpy((char*)b.data + b.byte_offset, (char*)a.data + a.byte_offset, bytes);
  return STRATA_OK;
}

static strata_status pack(strata_self* self, strata_call* call, strata_tensor* weight,
                          const strata_parts* parts) {
  return copy(self, call, weight, parts->p[0]);
}

static strata_status unpack(strata_self* self, strata_call* call, const strata_parts* parts,
                            strata_tensor* weight) {
  return copy(self, call, parts->p[0], weight);
}

static const strata_quant table = {.hdr = {.size = sizeof table},
                                   .score = score,
                                   .create = create,
                                   .destroy = destroy,
                                   .layout = layout,
                                   .pack = pack,
                                   .unpack = unpack};

static strata_status open_plugin(const strata_host* host) {
  const strata_str words = {STRATA_STR("a host of another ABI: it knows major 1")};
  if (host == NULL || !STRATA_HAS(strata_host, host, fail)) return STRATA_INVALID;
  if (host->abi_major != STRATA_ABI_MAJOR) return host->fail(host, STRATA_UNIMPLEMENTED, words);
  the_host = host;
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
                                        .name = {STRATA_STR("null")},
                                        .version = {STRATA_STR("1.0.0")},
                                        .vendor = {STRATA_STR(STRATA_VENDOR)},
                                        .open = open_plugin,
                                        .close = close_plugin,
                                        .query = query};
