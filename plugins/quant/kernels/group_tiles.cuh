// Products on tensor cores, for few tokens: the weight's codes are read once, as they lie.
//
// [Note: tiles] A block has 16 rows of the weight and 8 tokens, or 32. A step is four times
// `wide` columns of one group, of which each quarter of a warp reads its own; the block's warps
// take some neighboring steps in turn. A step's codes are multiplied as the numbers that they are,
// so that its sums are scaled once; then the warps' sums are added in their order. So a sum depends
// neither on the other tokens nor on their number.
#pragma once
#include "kernels/group_steps.cuh"

namespace strata::kernels {

// The weights of one launch: each has the tokens behind those of the one before it.
struct DeviceShares {
  static constexpr int most = 32;
  GroupParts parts[most];
  int begin[most + 1];
};

template <class X>
struct DeviceProduct {
  Groups of;
  uint32_t group_of_step;  // [Note: groups of steps]
  DeviceShares shares;
  const X* x;
  X* y;
};

// [Note: groups of steps] The group of a step is step / n for n steps a group. It is the high word
// of step * ceil(2^32 / n), which is exact where step * n < 2^32; 0 says that there is one group, 1
// that each step has its own.
inline uint32_t group_of_step(int64_t group, int64_t columns, int64_t step) {
  if (group >= columns) return 0;
  const auto n = static_cast<uint64_t>(group / step);
  return n == 1 ? 1 : static_cast<uint32_t>(((uint64_t{1} << 32) + n - 1) / n);
}

inline constexpr int tile_rows = 16, tile_tokens = 8, most_warps = 8;

// The neighboring steps that a warp takes at once: 128 bytes of a row.
constexpr int at_once(Code code) { return four_bits(code) ? 4 : 2; }

// Copies 16 bytes into shared memory: no register waits for them.
__device__ __forceinline__ void copy_ahead(void* to, const void* from) {
  const auto there = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(there), "l"(from) : "memory");
}
__device__ __forceinline__ void end_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until all but the last `left` ends' copies are there.
template <int left>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

// How a launch cuts its work: a block has 16 rows and `eights` times 8 tokens. `blocks` is what the
// compiler is to fit into a multiprocessor.
template <Code code, Zero zero, int count>
struct Cut {
  static constexpr int eights = count, tokens = tile_tokens * count;
  static constexpr int blocks = count > 1 || code == Code::nf4 ? 2 : zero == Zero::none ? 4 : 3;
};

// The codes of a warp's steps on their way through shared memory, 16 bytes of a row at a time. Rows
// lie apart by a step's bytes more than they have, so that no two of those that are read together
// lie in the same banks.
template <int step_bytes, int steps>
class Ahead {
  static constexpr int row_bytes = steps * step_bytes;
  static constexpr int apart = row_bytes + (step_bytes < 16 ? 16 : step_bytes);
  static constexpr int pieces = row_bytes / 16, of_thread = tile_rows * pieces / 32;

 public:
  static constexpr int depth = 2;  // times `steps`
  struct alignas(16) Memory {
    uint8_t at[depth][tile_rows * apart];
  };

  // `from` is the tile's first row, of which only some may be there.
  __device__ __forceinline__ Ahead(Memory& memory, const Groups& of, const uint8_t* from, int lane,
                                   int there)
      : memory_(&memory), from_(from), lane_(lane), end_(of.row_bytes) {
#pragma unroll
    for (int i = 0; i < of_thread; ++i)
      offsets_[i] = min(row(i), there - 1) * of.row_bytes + column();
  }
  // Copies the codes of the steps from `step` on, without a branch for each where all are there.
  __device__ __forceinline__ void copy(int step, int place) const {
    const int first = step * step_bytes;
    if (first + row_bytes <= end_) {
#pragma unroll
      for (int i = 0; i < of_thread; ++i)
        copy_ahead(&memory_->at[place][row(i) * apart + column()], from_ + (offsets_[i] + first));
    } else if (first + column() < end_) {
#pragma unroll
      for (int i = 0; i < of_thread; ++i)
        copy_ahead(&memory_->at[place][row(i) * apart + column()], from_ + (offsets_[i] + first));
    }
    end_copies();
  }
  __device__ __forceinline__ const uint8_t* at(int place, int row, int step) const {
    return &memory_->at[place][row * apart + step * step_bytes];
  }

 private:
  __device__ __forceinline__ int row(int i) const { return (lane_ + 32 * i) / pieces; }
  __device__ __forceinline__ int column() const { return lane_ % pieces * 16; }

  Memory* memory_;
  const uint8_t* from_;
  int lane_, end_, offsets_[of_thread];
};

// The shared memory of a warp: its codes, and then its sums.
template <int step_bytes, int steps, class Cut>
struct Space {
  union {
    typename Ahead<step_bytes, steps>::Memory codes;
    float sums[Cut::tokens][tile_rows];
  };
};

// The block has as many warps as there are parts of the columns.
template <Code code, Zero zero, class X, int wide, bool single, class Cut>
__global__ void __launch_bounds__(32 * most_warps, Cut::blocks)
    multiply_tiles(const __grid_constant__ DeviceProduct<X> product) {
  using Own = Rows<code, zero, X, wide, single>;
  constexpr int eights = Cut::eights;
  constexpr int steps_at_once = at_once(code);
  using Codes = Ahead<Own::step_bytes, steps_at_once>;
  extern __shared__ uint4 memory[];
  auto* const spaces = reinterpret_cast<Space<Own::step_bytes, steps_at_once, Cut>*>(memory);
  __shared__ PairTable table[code == Code::nf4 ? 1 : 0 + 1];
  const auto& of = product.of;
  const int begin = product.shares.begin[blockIdx.z];
  const int first = static_cast<int>(blockIdx.y) * Cut::tokens;
  const int tokens = product.shares.begin[blockIdx.z + 1] - begin - first;
  if (tokens <= 0) return;
  const GroupParts parts = product.shares.parts[blockIdx.z];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int quarter = lane % 4, row = lane / 4;
  const int first_row = static_cast<int>(blockIdx.x) * tile_rows;
  const int steps = of.columns / (4 * wide), stride = warps * steps_at_once;
  const Own own(of, parts, first_row, row);
  const Codes ahead(spaces[warp].codes, of,
                    parts.codes + static_cast<int64_t>(first_row) * of.row_bytes, lane,
                    of.rows - first_row);
  const auto read = [&](int from, typename Own::Scales& to) {
    const auto step = static_cast<uint32_t>(min(from + quarter % steps_at_once, steps - 1));
    own.read(product.group_of_step == 1 ? step : __umulhi(step, product.group_of_step), to);
  };
  typename Own::Scales next;
  int from = warp * steps_at_once, place = 0;
#pragma unroll
  for (int i = 0; i < Codes::depth; ++i) ahead.copy(from + i * stride, i);
  read(from, next);
  if constexpr (code == Code::nf4) {
    table->template fill<X>();
    __syncthreads();
  }
  // A token that is not there is the last one: nobody asks for its sums.
  const X* x[eights];
#pragma unroll
  for (int t = 0; t < eights; ++t)
    x[t] =
        product.x +
        static_cast<int64_t>(begin + first + min(t * tile_tokens + row, tokens - 1)) * of.columns +
        quarter * wide;
  float total[eights][4] = {};
  const auto add = [&](int from, int i, const typename Own::Scales& scales) {
    Vectors<code, X, wide> some[eights];
#pragma unroll
    for (int t = 0; t < eights; ++t) some[t].load(x[t] + from * (4 * wide) + i * (4 * wide));
    typename Own::Codes codes[2];
#pragma unroll
    for (int r = 0; r < 2; ++r)
      codes[r].put(*reinterpret_cast<const typename Own::Codes::type*>(
          ahead.at(place, r * 8 + row, i) + quarter * Own::code_bytes));
    Own::add(of, codes, scales.of(i), *table, some, total);
  };
  for (; from < steps; from += stride) {
    const auto now = next;
    read(from + stride, next);
    wait_copies<Codes::depth - 1>();
    __syncwarp();
    if (from + steps_at_once <= steps) {
#pragma unroll
      for (int i = 0; i < steps_at_once; ++i) add(from, i, now);
    } else {
#pragma unroll 1
      for (int i = 0; from + i < steps; ++i) add(from, i, now);
    }
    __syncwarp();
    ahead.copy(from + Codes::depth * stride, place);
    place ^= 1;
  }
  wait_copies<0>();
  __syncthreads();
#pragma unroll
  for (int t = 0; t < eights; ++t)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      spaces[warp].sums[t * tile_tokens + quarter * 2 + i % 2][row + i / 2 * 8] = total[t][i];
  __syncthreads();
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < min(tokens, Cut::tokens) * tile_rows;
       i += static_cast<int>(blockDim.x)) {
    const int token = i / tile_rows, r = first_row + i % tile_rows;
    if (r >= of.rows) continue;
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += spaces[w].sums[token][i % tile_rows];
    store(product.y + static_cast<int64_t>(begin + first + token) * of.rows + r, sum);
  }
}

}  // namespace strata::kernels
