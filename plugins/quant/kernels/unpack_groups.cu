// Unpacks weights in groups on a GPU. A thread makes eight neighbors of a row; without contraction
// their bits are those of the CPU.
#include "kernels/device_groups.cuh"

// Tables lie on the GPU; the functions that read them are called only in kernels.
#pragma nv_diag_suppress 20091

namespace strata::kernels {

namespace {

constexpr int threads = 256, some = 8;

// Reads `some` codes from the column k on, fewer at the end of a row.
template <Code code>
__device__ __forceinline__ void read_codes(const uint8_t* row, int k, int count, uint32_t* to) {
#pragma unroll
  for (int i = 0; i < some; ++i) {
    if (i >= count) return;
    if constexpr (four_bits(code))
      to[i] = row[(k + i) / 2] >> ((k + i) % 2 * 4) & 15U;
    else
      to[i] = row[k + i];
  }
}

template <Code code, class T>
__global__ void __launch_bounds__(threads) unpack(Groups of, GroupParts parts, T* to) {
  __shared__ Table table;
  table.fill<code>();
  __syncthreads();
  const int across = (of.columns + some - 1) / some;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t row = at / across;
  if (row >= of.rows) return;
  const int k = static_cast<int>(at % across) * some, count = min(some, of.columns - k);
  uint32_t codes[some];
  read_codes<code>(parts.codes + row * of.row_bytes, k, count, codes);
  struct alignas(sizeof(T) * some < 16 ? sizeof(T) * some : 16) Eight {
    T value[some];
  } out;
  float scale = 0, zero = 0;
  int g = -1;
#pragma unroll
  for (int i = 0; i < some; ++i) {
    if (i >= count) break;
    if (const int mine = (k + i) / of.group; mine != g) {
      g = mine;
      const int64_t place = row * of.groups + g;
      scale = stored_number(of.stored, parts.scales, place);
      zero = zero_number<code>(of, parts.zeros, place);
    }
    out.value[i] =
        gguf::from_float<T>(element<code>(number<code>(codes[i], table), scale, zero, of.zero));
  }
  T* const mine = to + row * of.columns + k;
  if (of.columns % some == 0) {
    *reinterpret_cast<Eight*>(mine) = out;
    return;
  }
#pragma unroll
  for (int i = 0; i < some; ++i)
    if (i < count) mine[i] = out.value[i];
}

// The same where eight neighbors are of one group and their codes are whole words.
template <Code code, class T>
__global__ void __launch_bounds__(threads)
    unpack_whole(Groups of, GroupParts parts, uint32_t items, T* to) {
  __shared__ Table table;
  table.fill<code>();
  __syncthreads();
  const uint32_t across = static_cast<uint32_t>(of.columns) / some;
  const uint32_t at = blockIdx.x * threads + threadIdx.x;
  if (at >= items) return;
  const uint32_t row = at / across, k = at % across * some;
  const int64_t place = static_cast<int64_t>(row) * of.groups + k / static_cast<uint32_t>(of.group);
  const float scale = stored_number(of.stored, parts.scales, place);
  const float zero = zero_number<code>(of, parts.zeros, place);
  uint32_t words[2];
  if constexpr (four_bits(code)) {
    words[0] = __ldg(reinterpret_cast<const uint32_t*>(parts.codes) + at);
  } else {
    const auto both = __ldg(reinterpret_cast<const uint2*>(parts.codes) + at);
    words[0] = both.x, words[1] = both.y;
  }
  struct alignas(16) Eight {
    T value[some];
  } out;
#pragma unroll
  for (int i = 0; i < some; ++i) {
    const uint32_t bits =
        four_bits(code) ? words[0] >> (4 * i) & 15U : words[i / 4] >> (i % 4 * 8) & 255U;
    out.value[i] =
        gguf::from_float<T>(element<code>(number<code>(bits, table), scale, zero, of.zero));
  }
  *reinterpret_cast<Eight*>(to + static_cast<int64_t>(at) * some) = out;
}

bool whole(const Groups& of, int64_t items, const GroupParts& parts) {
  return of.columns % some == 0 && (of.groups == 1 || of.group % some == 0) &&
         items < int64_t{1} << 31 && reinterpret_cast<uintptr_t>(parts.codes) % some == 0;
}

}  // namespace

bool unpacks_on_device() { return true; }

const char* unpack_on_device(const GroupLinear& weight, void* to, strata_dtype dtype,
                             DeviceQueue queue) {
  if (weight.rows <= 0) return nullptr;
  if (weight.rows >= 1 << 30 || weight.columns >= 1 << 30) return "the weight is too large";
  if (weight.columns % some == 0 && reinterpret_cast<uintptr_t>(to) % 16 != 0)
    return "the weight is not at 16 bytes";
  if (const auto error = cudaSetDevice(queue.device)) return cudaGetErrorString(error);
  const auto of = groups_of(weight.form, weight.rows, weight.columns);
  const auto items = weight.rows * ((weight.columns + some - 1) / some);
  const auto grid = (items + threads - 1) / threads;
  if (grid > 0x7fffffff) return "the weight is too large";
  auto* const stream = static_cast<cudaStream_t>(queue.stream);
  with_code(weight.form.code, [&](auto tag) {
    const auto launch = [&]<class T>(T* there) {
      if (whole(of, items, weight.parts))
        return unpack_whole<decltype(tag)::code>
            <<<static_cast<unsigned>(grid), threads, 0, stream>>>(
                of, weight.parts, static_cast<uint32_t>(items), there);
      unpack<decltype(tag)::code>
          <<<static_cast<unsigned>(grid), threads, 0, stream>>>(of, weight.parts, there);
    };
    if (dtype.bits == 64) return launch(static_cast<double*>(to));
    if (dtype.bits == 32) return launch(static_cast<float*>(to));
    if (dtype.code == STRATA_BFLOAT) return launch(static_cast<gguf::Brain*>(to));
    launch(static_cast<gguf::Half*>(to));
  });
  const auto error = cudaGetLastError();
  return error ? cudaGetErrorString(error) : nullptr;
}

}  // namespace strata::kernels
