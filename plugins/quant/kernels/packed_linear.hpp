// Products with weights that stay packed in GGUF's blocks or in 16 bits, on the CPU.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>
#include <cstdint>

namespace strata::kernels {

// These are GGUF's block layouts, by their names there, and dense elements of 16 bits, of which 32
// are a block.
enum class Block : uint8_t {
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  bf16,
  f16
};
inline constexpr int block_count = 12;

// Bytes and elements of one block.
struct BlockSize {
  int64_t bytes, elements;
};
BlockSize size_of(Block);

// This spreads work over the host's threads: `parallel` calls item(user, at) once for each `at` in
// [0, items), in any order and on any threads, and returns when all are done. Without a function
// the caller's thread does everything. A thread that runs items needs 256 KiB of stack.
struct Run {
  void (*parallel)(void* context, int64_t items, void (*item)(void* user, int64_t at),
                   void* user) = nullptr;
  void* context = nullptr;
};

// A product may round in one of two ways.
enum class Products : uint8_t {
  exact,  // weights become the float32 that their format defines, products and sums are float32
  fast,   // activations may be rounded to 8 bits with a scale for each 32 of them; with dense
          // elements it is exact
};

// `w` has `rows` rows of `columns` elements in blocks, row after row, at any alignment.
struct Linear {
  Block block;
  const std::byte* w;
  int64_t rows, columns;
};

// Tells whether rows of so many columns can be multiplied: `columns` must be a positive multiple of
// the block's elements.
bool can(Block, int64_t columns);

// Tells whether this processor has a faster way for Products::fast. Without one, fast is exact.
bool has_fast();

// Gives the bytes of the workspace of `linear`, for any dtype of x.
std::size_t workspace(const Linear&, int64_t tokens, Products products = Products::exact);

// Computes y[t, n] = sum over k of x[t, k] * w[n, k]. On one processor the sums have a fixed order
// that depends neither on `tokens` nor on the threads. x and y are bfloat16 or float32, row major,
// at their natural alignment, with `ldx` and `ldy` elements from row to row; `workspace` has any
// alignment. A NaN or an infinity among the weights' scales makes its row NaN or infinite; so does
// one in x its token. This needs can(), and never fails.
void linear(const Linear&, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
            strata_dtype y_dtype, int64_t ldy, int64_t tokens, std::byte* workspace, Run run,
            Products products = Products::exact);

// One weight of a grouped product: its rows lie at `w`, and its tokens end before `end`.
struct Share {
  const std::byte* w;
  int64_t end;
};

// Does that with `count` weights of one shape, each for the tokens behind those of the one before
// it; the last one's `end` is the number of tokens, for which the workspace is. Threads share the
// rows of all weights. Sums have the bits of `linear`.
void linear_grouped(Block block, int64_t rows, int64_t columns, const Share* shares, int64_t count,
                    const void* x, strata_dtype x_dtype, int64_t ldx, void* y, strata_dtype y_dtype,
                    int64_t ldy, std::byte* workspace, Run run,
                    Products products = Products::exact);

}  // namespace strata::kernels
