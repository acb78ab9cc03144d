#include "torch/ops/named.hpp"

#include <string>

#include "core/error.hpp"
#include "torch/ops/packed.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

using In = std::span<strata_tensor* const>;

// An argument that may be absent.
at::Tensor optional(In in, std::size_t i) { return in[i] ? value_of(*in[i]) : at::Tensor(); }
at::Tensor& given(In in, std::size_t i) {
  if (!in[i]) throw Error("call", "argument " + std::to_string(i) + " is missing", "give it");
  return value_of(*in[i]);
}

// The sequences of the pass, those of the part of it that attends, or those that the tensors
// describe; only the last wait for the device.
struct Sequences {
  Sequences(Pass& pass, const at::Tensor& starts, const at::Tensor& lengths = {},
            const at::Tensor& table = {}, int64_t block = 1)
      : kept(pass.of(starts)), known(kept ? &pass.ragged() : pass.part()),
        read(known ? Ragged() : ragged_of(starts, lengths, table, block)),
        all(known ? *known : read) {}
  Pass::OnDevice* kept;
  const Ragged* known;
  Ragged read;
  const Ragged& all;
};

at::Tensor call_pad(const Attributes&, Pass& pass, In in, const Dropping*) {
  return pad(given(in, 0), Sequences(pass, given(in, 1)).all);
}

at::Tensor call_unpad(const Attributes&, Pass& pass, In in, const Dropping*) {
  return unpad(given(in, 0), Sequences(pass, given(in, 1)).all);
}

at::Tensor call_keys(const Attributes&, Pass& pass, In in, const Dropping*) {
  const auto& cache = given(in, 0);
  const auto table = optional(in, 1);
  return keys(cache, table, Sequences(pass, given(in, 2), given(in, 3), table, cache.size(1)).all);
}

at::Tensor call_mask(const Attributes& a, Pass& pass, In in, const Dropping*) {
  const Sequences sequences(pass, given(in, 0), given(in, 1));
  const auto slopes = optional(in, 2);
  const void* which = slopes.defined() ? slopes.const_data_ptr() : nullptr;
  if (sequences.kept)
    for (const auto& m : sequences.kept->masks)
      if (m.causal == a.causal && m.window == a.window && m.sequence == -1 && m.slopes == which)
        return m.value;
  auto made = mask(sequences.all, a, slopes, given(in, 0).device());
  if (sequences.kept) sequences.kept->masks.push_back({a.causal, a.window, -1, which, made});
  return made;
}

at::Tensor call_scores(const Attributes& a, Pass&, In in, const Dropping*) {
  return scores(given(in, 0), given(in, 1), a.scale);
}

at::Tensor call_softmax(const Attributes&, Pass&, In in, const Dropping*) {
  return masked_softmax(given(in, 0), given(in, 1), optional(in, 2));
}

at::Tensor call_weighted_sum(const Attributes&, Pass&, In in, const Dropping*) {
  return weighted_sum(given(in, 0), given(in, 1));
}

at::Tensor call_scaled_dot_product(const Attributes& a, Pass& pass, In in,
                                   const Dropping* dropping) {
  const auto table = optional(in, 3);
  const auto& k = given(in, 1);
  const Sequences sequences(pass, given(in, 4), given(in, 5), table, k.size(1));
  return scaled_dot_product(given(in, 0), k, given(in, 2), table, optional(in, 6), sequences.all, a,
                            sequences.kept, dropping);
}

struct Named {
  std::string_view name;
  std::size_t arguments;
  at::Tensor (*compute)(const Attributes&, Pass&, In, const Dropping*);
};
constexpr Named all_named[] = {
    {"scaled_dot_product_attention", 7, call_scaled_dot_product},
    {"pad", 2, call_pad},
    {"unpad", 2, call_unpad},
    {"keys", 4, call_keys},
    {"mask", 3, call_mask},
    {"scores", 2, call_scores},
    {"softmax", 3, call_softmax},
    {"weighted_sum", 2, call_weighted_sum},
};

}  // namespace

plugin::Handle call_named(std::string_view name, const Attributes& attributes, Pass& pass, In in,
                          const Dropping* dropping) {
  for (const auto& one : all_named) {
    if (one.name != name) continue;
    if (in.size() != one.arguments)
      throw Error("call",
                  std::string(name) + " takes " + std::to_string(one.arguments) + " tensors, not " +
                      std::to_string(in.size()),
                  "correct the plugin");
    if (attributes.dropout > 0 && !dropping)
      throw Error("call", std::string(name) + " drops in training alone", "correct the plugin");
    return handle(one.compute(attributes, pass, in, dropping));
  }
  std::string names;
  for (const auto& one : all_named) names.append(names.empty() ? "" : ", ").append(one.name);
  throw Error("call", "there is no op '" + printable(name) + "'", "use one of " + names);
}

}  // namespace strata::torch
