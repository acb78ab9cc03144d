// An op without its arithmetic: the shapes of its results and the cost of computing them.
#pragma once
#include <strata/abi/ops.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>

#include "core/shape/cost.hpp"
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

// The types of a list of arguments up to `strata_tensor** out`.
template <class Kept, class... Rest>
struct UpToResults;
template <class... Kept, class... Rest>
struct UpToResults<std::tuple<Kept...>, strata_tensor**, Rest...> {
  using Type = std::tuple<Kept...>;
};
template <class... Kept, class Next, class... Rest>
struct UpToResults<std::tuple<Kept...>, Next, Rest...>
    : UpToResults<std::tuple<Kept..., Next>, Rest...> {};

// The C function of an op, by its field in strata_ops.
template <class Field>
struct Signature;
template <class... A>
struct Signature<strata_status (*strata_ops::*)(strata_call*, A...)> {
  using Function = strata_status (*)(strata_call*, A...);
  using Arguments = typename UpToResults<std::tuple<>, A...>::Type;
};
template <auto field>
using FunctionOf = typename Signature<decltype(field)>::Function;
// The arguments that it takes between the call and the results, such as
// ArgumentsOf<&strata_ops::norm> = std::tuple<const strata_op_norm*, strata_tensor*>.
template <auto field>
using ArgumentsOf = typename Signature<decltype(field)>::Arguments;

// The arguments of one call of any op. They are as the ABI declares them, so that an op's sources
// share no other declaration of them. Pointers are not null, except to optional tensors.
class Args {
 public:
  // Borrows the values.
  template <class... A>
  explicit Args(const std::tuple<A...>& values) : values_(&values) {}
  // Gives the arguments of the op with that field, which must be the one that is called.
  template <auto field>
  const ArgumentsOf<field>& of() const {
    return *static_cast<const ArgumentsOf<field>*>(values_);
  }

 private:
  const void* values_;
};

// A row of the op table.
struct Op {
  std::string_view name;  // of its field in strata_ops
  uint32_t number;        // the place of that field, in pointers
  // Checks the arguments and gives the dtypes and shapes of the results. It is called before
  // anything is computed or recorded, and an implementation may rely on its checks. A refusal is an
  // Error, "unit: op: the fault, with names and shapes: the remedy". It reads no tensor's data, and
  // allocates nothing unless it refuses.
  void (*shape)(const Scope& scope, const Args& args, std::span<Value> out);
  // Gives the cost of a call whose results have these shapes. Null: that of new results alone.
  Cost (*cost)(const Scope& scope, const Args& args, std::span<const Value> results,
               const Request& request);
};

// The number of pointers in strata_ops: every op's number is smaller.
inline constexpr std::size_t op_numbers = sizeof(strata_ops) / sizeof(void*);

// The row of the op with that field, with the function that plugins call.
template <auto field>
struct Row : Op {
  FunctionOf<field> entry;
};

}  // namespace strata::shape
