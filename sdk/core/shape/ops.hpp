// The shape function of every op: it checks the arguments and returns the dtypes and shapes of the
// results. It is called before anything is computed or recorded, and an implementation may rely on
// its checks. Each op has a source file of the same name.
//
// A refusal is an Error, "unit: op: the fault, with names and shapes: the remedy". None of
// these functions reads a tensor's data, and none allocates unless it refuses.
#pragma once
#include <strata/abi/ops.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "core/shape/declared.hpp"
#include "core/shape/value.hpp"

namespace strata::shape {

// The call that ops belong to.
struct Scope {
  const DeclaredUnit* unit;  // the unit whose weights the indices mean
  int64_t tokens;            // rows of the call's x
  strata_dtype dtype;        // of the hidden state and the weights in run form
};

// The most members of one linear, or results of any op.
inline constexpr uint32_t most_results = 16;

// Weight `index` as a dense tensor.
Value weight(const Scope& scope, uint32_t index);
// ids [T] int32 or int64, table [V,D] -> [T,D].
Value embedding(const Scope& scope, uint32_t weight, const strata_view& ids);
// Table [P,D] -> [T,D]; with `offset` no position may be before the table.
Value positions(const Scope& scope, uint32_t weight, int64_t offset);
// x [R,in] -> one [R,out] for each of op.members, which is out.size().
void linear(const Scope& scope, const strata_op_linear& op, const strata_view& x,
            std::span<Value> out);
// x [..,n] -> the same; weight and bias [n].
Value norm(const Scope& scope, const strata_op_norm& op, const strata_view& x);
// x [T,H,E] -> the same. op.dim is even and at most E; longrope's lists are op.dim / 2 long.
Value rope(const Scope& scope, const strata_op_rope& op, const strata_view& x);
// q [T,H,E], k [T,K,E], v [T,K,Ev], K divides H -> [T,H*Ev].
Value attention(const Scope& scope, const strata_op_attention& op, const strata_view& q,
                const strata_view& k, const strata_view& v);
// x [T,D]; router [X,D]; X experts of gate, up [F,D] and down [D,F] -> [T,D]. Without gate the
// experts are down(f(up(x))). Router, its bias and choice may be float32 where x is narrower.
Value moe(const Scope& scope, const strata_op_moe& op, const strata_view& x);
// f(x), of any shape.
Value activation(const Scope& scope, int32_t f, const strata_view& x);
// gate and up of one shape; up null: gate [..,2n] holds both.
Value gated(const Scope& scope, int32_t f, const strata_view& gate, const strata_view* up);
// Add, mul: a with b, broadcast from the last dimension on. The others: b null.
Value elementwise(const Scope& scope, int32_t op, const strata_view& a, const strata_view* b,
                  double value);
// single: [T,h*e] -> [T,h,e]; h or e may be 0: as the width says.
// merged: [T,h,e] -> [T,h*e]; h and e may be 0: as x says.
// fused: [T,(h+2k)*e] -> q [T,h,e], k [T,k,e], v [T,k,e] one after the other. k 0: as h.
// interleaved: the same width as k blocks, each of h/k heads of q, one of k and one of v.
// out.size() is heads_results(layout).
void heads(const Scope& scope, int32_t layout, uint32_t h, uint32_t k, uint32_t e,
           const strata_view& x, std::span<Value> out);
// 1 or 3; Error for an unknown layout.
uint32_t heads_results(int32_t layout);
// x [..,n] -> [..,widths[i]] in out[i]; the widths are not 0, as many as out, and their sum is n.
void split(const Scope& scope, std::span<const uint32_t> widths, const strata_view& x,
           std::span<Value> out);
// At least one input; all of one rank, other dimensions than the last equal or 1 -> [..,the sum of
// the last ones].
Value concat(const Scope& scope, std::span<const strata_view> in);
// x of any shape -> the same; 0 <= p < 1.
Value dropout(const Scope& scope, double p, const strata_view& x);
// Refuses with the list of known names: this version has no op by name.
[[noreturn]] void call(const Scope& scope, std::string_view name);

}  // namespace strata::shape
