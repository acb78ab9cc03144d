// Tensors, and the host's ops by the names of modules, for a family to compute with.
#pragma once
#include <array>
#include <cstdint>
#include <strata/plugin.hpp>
#include <utility>
#include <vector>

namespace strata {

namespace abi {

// The weight and the bias of one module: "mlp.up_proj" has "mlp.up_proj.weight" and ".bias".
struct Module {
  std::string name;
  std::uint32_t weight = STRATA_NONE, bias = STRATA_NONE;
  std::uint32_t group = 0, bias_group = 0;
};

// The tables and modules of one forward call; lives as long as the call.
struct Active {
  strata_call* call;
  const strata_ops* ops;
  const strata_host_tensor* tensors;
  const std::vector<Module>* modules;
};

[[noreturn]] inline void no_op(std::string_view name) {
  throw Failure(STRATA_UNIMPLEMENTED,
                std::string(name) + ": this host does not have this op: use a Strata of ABI " +
                    std::to_string(STRATA_ABI_MAJOR) + "." + std::to_string(STRATA_ABI_MINOR) +
                    " or newer");
}

// The host's function, or a failure that names the op.
#define STRATA_OP(active, field)                                       \
  (STRATA_HAS(strata_ops, (active)->ops, field) ? (active)->ops->field \
                                                : (abi::no_op(#field), nullptr))

}  // namespace abi

// A handle that owns a tensor of the host once. Do not keep it beyond the forward that made it.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const abi::Active* active, strata_tensor* owned) : active_(active), tensor_(owned) {}
  Tensor(const Tensor& other) : active_(other.active_), tensor_(other.tensor_) {
    if (tensor_) active_->tensors->retain(tensor_);
  }
  Tensor(Tensor&& other) noexcept : active_(other.active_), tensor_(other.give()) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(active_, other.active_);
    std::swap(tensor_, other.tensor_);
    return *this;
  }
  ~Tensor() {
    if (tensor_) active_->tensors->release(tensor_);
  }

  strata_tensor* get() const { return tensor_; }
  strata_tensor* give() { return std::exchange(tensor_, nullptr); }
  const abi::Active* active() const { return active_; }

 private:
  const abi::Active* active_ = nullptr;
  strata_tensor* tensor_ = nullptr;
};

struct RmsNorm {
  double eps = 1e-6;
  double offset = 0;  // added to the weight
};
struct LayerNorm {
  double eps = 1e-5;
  double offset = 0;  // added to the weight
};
using Rope = strata_op_rope;  // as Config::rope gives it

struct Attention {
  std::int64_t layer = 0;  // the number of the KV cache
  bool causal = true, alibi = false;
  std::uint32_t window = 0;     // 0: sees all tokens
  std::string_view sinks = {};  // a weight [H]
  double scale = 0;             // 0: 1 / sqrt(head_dim)
  double soft_cap = 0, dropout = 0;
  double alibi_scale = 1;  // a factor on the ALiBi slopes
};

struct Moe {
  std::string_view router, gate, up, down;  // modules; gate empty: none
  std::uint32_t top_k = 1;
  std::uint32_t route = STRATA_ROUTE_SOFTMAX;
  bool normalize = false;
  std::uint32_t activation = STRATA_SILU;
  double scale = 1;
  std::string_view choice = {};  // a weight [X], added to the scores that choose
  std::uint32_t groups = 0, top_groups = 0, group_best = 0;  // see strata_op_moe
  double least_sum = 0, limit = 0, up_offset = 0;
};

struct Heads {
  std::int64_t q = 0, kv = 0, dim = 0;  // kv 0: as q
  bool interleaved = false;             // q, k, v of each kv head are side by side
};

// The function that a configuration's hidden_act names; throws for another.
inline std::int32_t activation_named(std::string_view name) {
  constexpr std::pair<std::string_view, std::int32_t> known[] = {
      {"silu", STRATA_SILU},
      {"swish", STRATA_SILU},
      {"gelu", STRATA_GELU},
      {"gelu_new", STRATA_GELU_TANH},
      {"relu", STRATA_RELU},
      {"gelu_pytorch_tanh", STRATA_GELU_TANH},
      {"tanh", STRATA_TANH},
      {"gelu_python", STRATA_GELU},
      {"gelu_fast", STRATA_GELU_TANH},
      {"gelu_python_tanh", STRATA_GELU_TANH},
      {"sigmoid", STRATA_SIGMOID},
      {"quick_gelu", STRATA_QUICK_GELU},
      {"relu2", STRATA_RELU_SQUARED},
      {"gelu_accurate", STRATA_GELU_TANH},
      {"gelu_10", STRATA_GELU_CLIPPED},
      {"hardswish", STRATA_HARD_SWISH},
      {"laplace", STRATA_LAPLACE},
      {"leaky_relu", STRATA_LEAKY_RELU},
      {"linear", STRATA_IDENTITY},
      {"mish", STRATA_MISH},
      {"relu6", STRATA_RELU6},
      {"sqrtsoftplus", STRATA_SQRT_SOFTPLUS},
  };
  for (const auto& [text, f] : known)
    if (text == name) return f;
  std::string names;
  for (const auto& one : known) names.append(names.empty() ? "" : ", ").append(one.first);
  throw Failure(STRATA_INVALID,
                "activation '" + std::string(name) + "': not known: use one of " + names);
}

// The ops of one forward. Callers name weights by module, relative to the unit's prefix:
// "mlp.up_proj" is "<prefix>mlp.up_proj.weight" and, where the unit declares one, its ".bias".
// T tokens, D hidden.
class Ops {
 public:
  explicit Ops(const abi::Active& active) : active_(&active) {}

  // ids [T] -> [T,D]
  Tensor embedding(const Tensor& ids, std::string_view module) const {
    return made(STRATA_OP(active_, embedding), find(module).weight, ids.get());
  }
  // Learned positions, at each token's position + offset: [T,D]
  Tensor positions(std::string_view module, std::int64_t offset = 0) const {
    return made(STRATA_OP(active_, positions), find(module).weight, offset);
  }
  // x [T,in] -> [T,out]; biased false: the product alone, whatever was declared
  Tensor linear(const Tensor& x, std::string_view module, bool biased = true) const {
    const auto& one = find(module);
    const strata_op_linear op{header<strata_op_linear>(), one.weight, 1,
                              biased ? one.bias : STRATA_NONE};
    return made(STRATA_OP(active_, linear), &op, x.get());
  }
  // One product over a whole group, in the order of its declaration: [T,in] -> [T,out] of each.
  template <std::size_t N>
  std::array<Tensor, N> linear(const Tensor& x, const char* const (&modules)[N]) const {
    const auto& first = find(modules[0]);
    for (std::size_t i = 0; i < N; ++i) check_member(first, find(modules[i]), i);
    const strata_op_linear op{header<strata_op_linear>(), first.weight, N, first.bias};
    return several<N>(STRATA_OP(active_, linear), &op, x.get());
  }
  // Over the last dimension; without a module, not affine.
  Tensor norm(const Tensor& x, std::string_view module, const RmsNorm& how) const {
    return norm(x, find(module), STRATA_RMS_NORM, how.eps, how.offset);
  }
  Tensor norm(const Tensor& x, std::string_view module, const LayerNorm& how) const {
    return norm(x, find(module), STRATA_LAYER_NORM, how.eps, how.offset);
  }
  Tensor norm(const Tensor& x, const RmsNorm& how) const {
    return norm(x, {}, STRATA_RMS_NORM, how.eps, how.offset);
  }
  Tensor norm(const Tensor& x, const LayerNorm& how) const {
    return norm(x, {}, STRATA_LAYER_NORM, how.eps, 0);
  }
  // Turns x [T,H,E] by its tokens' positions.
  Tensor rope(const Tensor& x, const Rope& how) const {
    return made(STRATA_OP(active_, rope), &how, x.get());
  }
  // [T,H*E] -> [T,H,E]
  Tensor heads(const Tensor& x, std::int64_t e) const {
    return made(STRATA_OP(active_, heads), STRATA_SINGLE, 0u, 0u, static_cast<std::uint32_t>(e),
                x.get());
  }
  // q, k, v of one product: [T,(q+2kv)*dim] -> [T,q,dim], [T,kv,dim], [T,kv,dim]
  std::array<Tensor, 3> heads(const Tensor& x, const Heads& how) const {
    return several<3>(STRATA_OP(active_, heads),
                      how.interleaved ? STRATA_INTERLEAVED : STRATA_FUSED,
                      static_cast<std::uint32_t>(how.q), static_cast<std::uint32_t>(how.kv),
                      static_cast<std::uint32_t>(how.dim), x.get());
  }
  // [T,H,E] -> [T,H*E]
  Tensor merge(const Tensor& x) const {
    return made(STRATA_OP(active_, heads), STRATA_MERGED, 0u, 0u, 0u, x.get());
  }
  // q [T,H,E], k [T,K,E], v [T,K,Ev] -> [T,H*Ev]; k and v join the cache of the layer.
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) const {
    strata_op_attention op{};
    op.hdr = header<strata_op_attention>();
    op.layer = static_cast<std::uint32_t>(how.layer);
    op.mask = how.causal ? std::uint32_t{STRATA_MASK_CAUSAL} : 0;
    if (how.alibi) op.mask |= STRATA_MASK_ALIBI;
    op.window = how.window;
    op.sinks = how.sinks.empty() ? STRATA_NONE : find(how.sinks).weight;
    op.scale = how.scale, op.soft_cap = how.soft_cap, op.dropout = how.dropout;
    op.alibi_scale = how.alibi ? how.alibi_scale : 0;
    return made(STRATA_OP(active_, attention), &op, q.get(), k.get(), v.get());
  }
  // [T,D] -> [T,D]
  Tensor moe(const Tensor& x, const Moe& how) const {
    strata_op_moe op{};
    op.hdr = header<strata_op_moe>();
    op.router = find(how.router).weight, op.router_bias = find(how.router).bias;
    op.gate = how.gate.empty() ? STRATA_NONE : find(how.gate).weight;
    op.up = find(how.up).weight, op.down = find(how.down).weight;
    op.top_k = how.top_k, op.route = how.route, op.normalise = how.normalize ? 1 : 0;
    op.activation = how.activation, op.scale = how.scale;
    if (!how.gate.empty()) op.gate_bias = find(how.gate).bias + 1;  // none: 0
    op.up_bias = find(how.up).bias + 1, op.down_bias = find(how.down).bias + 1;
    if (!how.choice.empty()) op.choice = find(how.choice).weight + 1;
    op.groups = how.groups, op.top_groups = how.top_groups, op.group_best = how.group_best;
    op.least_sum = how.least_sum, op.limit = how.limit, op.up_offset = how.up_offset;
    return made(STRATA_OP(active_, moe), &op, x.get());
  }
  Tensor activation(const Tensor& x, std::int32_t f) const {
    return made(STRATA_OP(active_, activation), f, x.get());
  }
  // f(gate) * up
  Tensor gated(const Tensor& gate, const Tensor& up, std::int32_t f) const {
    return made(STRATA_OP(active_, gated), f, gate.get(), up.get());
  }
  // f(first half) * second half of x [T,2n] -> [T,n]
  Tensor gated(const Tensor& x, std::int32_t f) const {
    return made(STRATA_OP(active_, gated), f, x.get(), nullptr);
  }
  Tensor silu_mul(const Tensor& gate, const Tensor& up) const {
    return gated(gate, up, STRATA_SILU);
  }
  Tensor scale(const Tensor& x, double by) const { return elementwise(STRATA_SCALE, x, by); }
  // Scales by the value rounded to x's dtype.
  Tensor scale_rounded(const Tensor& x, double by) const {
    return elementwise(STRATA_SCALE_ROUNDED, x, by);
  }
  Tensor clamp(const Tensor& x, double most) const { return elementwise(STRATA_CLAMP, x, most); }
  Tensor soft_cap(const Tensor& x, double cap) const {
    return elementwise(STRATA_SOFT_CAP, x, cap);
  }
  Tensor dropout(const Tensor& x, double p) const {
    return made(STRATA_OP(active_, dropout), p, x.get());
  }
  // Splits x [..,n] along the last dimension into parts of these widths.
  template <std::size_t N>
  std::array<Tensor, N> split(const Tensor& x, const std::int64_t (&widths)[N]) const {
    std::uint32_t given[N];
    for (std::size_t i = 0; i < N; ++i) given[i] = static_cast<std::uint32_t>(widths[i]);
    return several<N>(STRATA_OP(active_, split), given, static_cast<std::uint32_t>(N), x.get());
  }
  // Concatenates a [..,m] and b [..,n] -> [..,m+n]; other dimensions of 1 are broadcast.
  Tensor concat(const Tensor& a, const Tensor& b) const {
    strata_tensor* const both[] = {a.get(), b.get()};
    return made(STRATA_OP(active_, concat), both, 2u);
  }
  // The weight as a dense tensor.
  Tensor weight(std::string_view module) const {
    return made(STRATA_OP(active_, weight), find(module).weight);
  }
  // Calls an op that this version has no function for.
  template <std::size_t Out>
  std::array<Tensor, Out> call(std::string_view name, std::string_view json,
                               std::span<strata_tensor* const> in) const {
    std::array<strata_tensor*, Out> out{};
    check(STRATA_OP(active_, call)(active_->call, abi_str(name), abi_str(json), in.data(),
                                   static_cast<std::uint32_t>(in.size()), out.data(), Out));
    return owned(out);
  }

 private:
  const abi::Module& find(std::string_view module) const {
    if (const auto* declared = declared_as(module)) return *declared;
    std::string words = "weight '" + std::string(module) + "': the unit did not declare it";
    for (const std::string_view end : {".weight", ".bias"})
      if (module.ends_with(end) && declared_as(module.substr(0, module.size() - end.size())))
        words.append(": name its module, without ").append(end);
    throw Failure(STRATA_NOT_FOUND, words);
  }

  const abi::Module* declared_as(std::string_view module) const {
    for (const auto& one : *active_->modules)
      if (one.name == module) return &one;
    return nullptr;
  }

  static void check_member(const abi::Module& first, const abi::Module& one, std::size_t i) {
    const auto at = static_cast<std::uint32_t>(i);
    const bool biased = first.bias != STRATA_NONE;
    if (one.weight != first.weight + at || one.group != first.group ||
        (one.bias != STRATA_NONE) != biased ||
        (biased && (one.bias != first.bias + at || one.bias_group != first.bias_group)))
      throw Failure(STRATA_INVALID, "linear: '" + first.name + "' and '" + one.name +
                                        "' were not declared as one group, in this order");
  }

  Tensor norm(const Tensor& x, const abi::Module& module, std::uint32_t kind, double eps,
              double offset) const {
    const strata_op_norm op{
        header<strata_op_norm>(), kind, 0, module.weight, module.bias, eps, offset};
    return made(STRATA_OP(active_, norm), &op, x.get());
  }

  Tensor elementwise(std::int32_t op, const Tensor& x, double value) const {
    return made(STRATA_OP(active_, elementwise), op, x.get(), nullptr, value);
  }

  template <class Function, class... Args>
  Tensor made(Function* function, Args... args) const {
    strata_tensor* out = nullptr;
    check(function(active_->call, args..., &out));
    return {active_, out};
  }

  template <std::size_t N, class Function, class... Args>
  std::array<Tensor, N> several(Function* function, Args... args) const {
    std::array<strata_tensor*, N> out{};
    check(function(active_->call, args..., out.data()));
    return owned(out);
  }

  template <std::size_t N>
  std::array<Tensor, N> owned(const std::array<strata_tensor*, N>& from) const {
    std::array<Tensor, N> out;
    for (std::size_t i = 0; i < N; ++i) out[i] = {active_, from[i]};
    return out;
  }

  const abi::Active* active_;
};

namespace abi {

inline Tensor elementwise(std::int32_t op, const Tensor& a, const Tensor& b) {
  strata_tensor* out = nullptr;
  const auto* active = a.active();
  check(STRATA_OP(active, elementwise)(active->call, op, a.get(), b.get(), 0, &out));
  return {active, out};
}

}  // namespace abi

// Both operators broadcast from the last dimension on.
inline Tensor operator+(const Tensor& a, const Tensor& b) {
  return abi::elementwise(STRATA_ADD, a, b);
}
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return abi::elementwise(STRATA_MUL, a, b);
}

#undef STRATA_OP

}  // namespace strata
