// Products with weights in groups on a GPU: on tensor cores where steps of columns fit the groups,
// else with one warp for each row.
#include "kernels/group_tiles.cuh"

#pragma nv_diag_suppress 20091

namespace strata::kernels {

namespace {

constexpr int any_warps = 8, any_tokens = 8;
constexpr int64_t most_columns = 1 << 20;  // [Note: groups of steps]

template <class X>
__device__ __forceinline__ float widened_x(X x) {
  if constexpr (std::is_same_v<X, float>)
    return x;
  else if constexpr (std::is_same_v<X, __half>)
    return __half2float(x);
  else
    return __bfloat162float(x);
}

// Multiplies any groups and vectors in float32. A lane has every 32nd pair of columns.
template <Code code, class X>
__global__ void __launch_bounds__(32 * any_warps)
    multiply_any(const __grid_constant__ DeviceProduct<X> product) {
  __shared__ Table table;
  table.fill<code>();
  __syncthreads();
  const auto& of = product.of;
  const int begin = product.shares.begin[blockIdx.z];
  const int first = static_cast<int>(blockIdx.y) * any_tokens;
  const int tokens = min(product.shares.begin[blockIdx.z + 1] - begin - first, any_tokens);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int row = static_cast<int>(blockIdx.x) * any_warps + static_cast<int>(threadIdx.x) / 32;
  if (tokens <= 0 || row >= of.rows) return;
  const GroupParts parts = product.shares.parts[blockIdx.z];
  const X* const x = product.x + static_cast<int64_t>(begin + first) * of.columns;
  const uint8_t* const codes = parts.codes + static_cast<int64_t>(row) * of.row_bytes;
  float total[any_tokens] = {};
  for (int k = 2 * lane; k < of.columns; k += 64) {
    // Groups have an even length, so both columns are of one.
    const int64_t place = static_cast<int64_t>(row) * of.groups + k / of.group;
    const float scale = stored_number(of.stored, parts.scales, place);
    const float zero = zero_number<code>(of, parts.zeros, place);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      if (k + i >= of.columns) break;
      const uint32_t bits = four_bits(code) ? codes[k / 2] >> (4 * i) & 15U : codes[k + i];
      const float w = element<code>(number<code>(bits, table), scale, zero, of.zero);
#pragma unroll
      for (int t = 0; t < any_tokens; ++t)
        if (t < tokens)
          total[t] = fmaf(w, widened_x(x[static_cast<int64_t>(t) * of.columns + k + i]), total[t]);
    }
  }
#pragma unroll
  for (int t = 0; t < any_tokens; ++t) {
#pragma unroll
    for (int apart = 16; apart > 0; apart /= 2)
      total[t] += __shfl_xor_sync(0xffffffffU, total[t], apart);
    if (lane == 0 && t < tokens)
      store(product.y + static_cast<int64_t>(begin + first + t) * of.rows + row, total[t]);
  }
}

// Whether there are tiles whose steps have 16 columns: of integers for the forms that GGUF's blocks
// come into.
bool is_narrow(const GroupForm& form) {
  if (is_integer(form.code)) return form.scale.bits == 32 && form.zero != Zero::code;
  return form.code == Code::e2m1;
}

// The columns that a thread takes of a step; 0: steps do not fit the groups.
int width_of(const GroupForm& form, int64_t columns) {
  if (columns > most_columns) return 0;
  for (const int wide : {16, 8, 4}) {
    if (wide == 4 && !is_narrow(form)) break;
    const int step = 4 * wide;
    // Rows are copied 16 bytes at a time.
    if (columns % (step < 32 ? 32 : step) == 0 && (form.group >= columns || form.group % step == 0))
      return wide;
  }
  return 0;
}

// Where the parts lie decides about no bit: whole steps of rows are aligned if the codes are.
bool aligned(const DeviceShares& shares, int count, const void* x) {
  if (reinterpret_cast<uintptr_t>(x) % 16 != 0) return false;
  for (int i = 0; i < count; ++i)
    if (reinterpret_cast<uintptr_t>(shares.parts[i].codes) % 16 != 0) return false;
  return true;
}

// Matrices of few rows share their columns between more warps, so that the GPU has enough of them.
int warps_of(const Groups& of) { return of.rows <= 16384 ? most_warps : most_warps / 2; }

struct Launch {
  int wide, count, tokens;  // tokens: the most of one share
  cudaStream_t stream;

  template <Code code, class X>
  void any(const DeviceProduct<X>& product) const {
    multiply_any<code, X>
        <<<grid(product.of.rows, any_warps, any_tokens), 32 * any_warps, 0, stream>>>(product);
  }
  template <Code code, Zero zero, class X, int width, bool single, class Cut>
  void tiles(const DeviceProduct<X>& product) const {
    const auto kernel = multiply_tiles<code, zero, X, width, single, Cut>;
    const int warps = warps_of(product.of),
              bytes =
                  static_cast<int>(sizeof(
                      Space<Rows<code, zero, X, width, single>::step_bytes, at_once(code), Cut>)) *
                  warps;
    constexpr int without_asking = 48 << 10;
    if (bytes > without_asking)
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    kernel<<<grid(product.of.rows, tile_rows, Cut::tokens), 32 * warps, bytes, stream>>>(product);
  }
  template <Code code, Zero zero, class X, int width>
  void tiles(const DeviceProduct<X>& product) const {
    const bool single = product.of.stored == Stored::single;
    if (tokens <= tile_tokens)
      single ? tiles<code, zero, X, width, true, Cut<code, zero, 1>>(product)
             : tiles<code, zero, X, width, false, Cut<code, zero, 1>>(product);
    else
      single ? tiles<code, zero, X, width, true, Cut<code, zero, 4>>(product)
             : tiles<code, zero, X, width, false, Cut<code, zero, 4>>(product);
  }
  template <Code code, class X, int width>
  void tiles(const DeviceProduct<X>& product) const {
    if constexpr (is_integer(code)) {
      if (product.of.zero == Zero::code) return tiles<code, Zero::code, X, width>(product);
      if (product.of.zero == Zero::number) return tiles<code, Zero::number, X, width>(product);
    }
    tiles<code, Zero::none, X, width>(product);
  }
  // Those of is_narrow.
  template <Code code, class X>
  void narrow_tiles(const DeviceProduct<X>& product) const {
    const auto cut = [&]<Zero zero>(std::integral_constant<Zero, zero>) {
      tokens <= tile_tokens ? tiles<code, zero, X, 4, true, Cut<code, zero, 1>>(product)
                            : tiles<code, zero, X, 4, true, Cut<code, zero, 4>>(product);
    };
    product.of.zero == Zero::number ? cut(std::integral_constant<Zero, Zero::number>())
                                    : cut(std::integral_constant<Zero, Zero::none>());
  }
  template <Code code, class X>
  void operator()(const DeviceProduct<X>& product) const {
    if constexpr (!std::is_same_v<X, float>) {
      if (wide == 16) return tiles<code, X, 16>(product);
      if (wide == 8) return tiles<code, X, 8>(product);
      if constexpr (code == Code::e2m1)
        if (wide == 4) return tiles<code, X, 4>(product);
      if constexpr (is_integer(code))
        if (wide == 4) return narrow_tiles<code, X>(product);
    }
    any<code>(product);
  }

 private:
  dim3 grid(int rows, int of_rows, int of_tokens) const {
    return dim3(static_cast<unsigned>((rows + of_rows - 1) / of_rows),
                static_cast<unsigned>((tokens + of_tokens - 1) / of_tokens),
                static_cast<unsigned>(count));
  }
};

// Launches once for each DeviceShares::most weights.
template <class X>
const char* launch_all(const GroupForm& form, int64_t rows, int64_t columns,
                       const GroupShare* shares, int64_t count, const void* x, void* y,
                       cudaStream_t stream) {
  const int wide = width_of(form, columns);
  DeviceProduct<X> product{};
  product.of = groups_of(form, rows, columns);
  if (wide > 0) product.group_of_step = group_of_step(form.group, columns, 4 * wide);
  product.x = static_cast<const X*>(x);
  product.y = static_cast<X*>(y);
  for (int64_t from = 0; from < count; from += DeviceShares::most) {
    const int some =
        static_cast<int>(count - from < DeviceShares::most ? count - from : DeviceShares::most);
    int64_t begin = from == 0 ? 0 : shares[from - 1].end, most = 0;
    for (int i = 0; i < some; ++i) {
      const auto& one = shares[from + i];
      product.shares.parts[i] = one.parts;
      product.shares.begin[i] = static_cast<int>(begin);
      most = one.end - begin > most ? one.end - begin : most;
      begin = one.end;
    }
    product.shares.begin[some] = static_cast<int>(begin);
    if (most == 0) continue;
    if (wide > 0 && !std::is_same_v<X, float> && !aligned(product.shares, some, x))
      return "codes and vectors are not at 16 bytes";
    const Launch launch{wide, some, static_cast<int>(most), stream};
    with_code(form.code,
              [&](auto tag) { launch.template operator()<decltype(tag)::code>(product); });
    if (const auto error = cudaGetLastError()) return cudaGetErrorString(error);
  }
  return nullptr;
}

}  // namespace

bool can_on_device(const GroupForm& form, int64_t columns, strata_dtype x) {
  const bool number = x.lanes == 1 && ((x.code == STRATA_FLOAT && (x.bits == 16 || x.bits == 32)) ||
                                       (x.code == STRATA_BFLOAT && x.bits == 16));
  return number && can(form, columns) && columns < 1 << 30;
}

const char* linear_on_device(const GroupForm& form, int64_t rows, int64_t columns,
                             const GroupShare* shares, int64_t count, const void* x, void* y,
                             strata_dtype dtype, DeviceQueue queue) {
  if (rows <= 0 || count <= 0) return nullptr;
  if (rows >= 1 << 30) return "the weight is too large";
  if (const auto error = cudaSetDevice(queue.device)) return cudaGetErrorString(error);
  auto* const stream = static_cast<cudaStream_t>(queue.stream);
  if (dtype.bits == 32) return launch_all<float>(form, rows, columns, shares, count, x, y, stream);
  if (dtype.code == STRATA_BFLOAT)
    return launch_all<__nv_bfloat16>(form, rows, columns, shares, count, x, y, stream);
  return launch_all<__half>(form, rows, columns, shares, count, x, y, stream);
}

}  // namespace strata::kernels
