// An attention backend in C++, over abi/draft/attention.h: a struct with a score, a constructor and
// a run.
//
//   struct Mine {
//     static std::int32_t score(const strata_attention_request&);   // 0: not at all [any-thread]
//     explicit Mine(const strata_attention_request&);               // [main-thread]
//     strata::attention::Value run(const strata::attention::Steps&) const;  // [rank-thread]
//     // The bytes that run holds at once, besides q, k, v and its result. [any-thread]
//     std::uint64_t holds(const strata::attention::Bounds&) const;
//   };
//   STRATA_ATTENTION_PLUGIN(Mine, "mine", "1.0.0");
//
// The backend is made of host ops, so the host differentiates it. Dims: T tokens, S sequences, Q
// the most tokens of one, L the most keys of one, H heads, K kv heads, E a head's dimensions.
#pragma once
#include <strata/abi/draft/attention.h>

#include <array>
#include <cstdio>
#include <memory>
#include <strata/plugin.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace strata::attention {

// The bounds of a call.
struct Bounds {
  std::uint64_t tokens, sequences, max_keys;
  // The most queries of one sequence: each of the others has at least one.
  std::uint64_t max_query() const { return tokens < sequences ? 1 : tokens - sequences + 1; }
};
inline std::uint64_t bytes_of(const strata_dtype& dtype) { return dtype.bits / 8u; }

// A handle that owns a tensor once.
class Value {
 public:
  explicit Value(strata_tensor* owned = nullptr) : tensor_(owned, Release()) {}
  strata_tensor* get() const { return tensor_.get(); }
  strata_tensor* give() { return tensor_.release(); }

 private:
  struct Release {
    void operator()(strata_tensor* t) const {
      host_table<strata_host_tensor>("strata.host.tensor/1")->release(t);
    }
  };
  std::unique_ptr<strata_tensor, Release> tensor_;
};

// The attributes of the host's named ops, in JSON; an instance makes them once.
inline std::string visibility(const strata_attention_request& r) {
  return std::string(R"({"causal":)") + (r.mask & STRATA_MASK_CAUSAL ? "true" : "false") +
         R"(,"window":)" + std::to_string(r.window) + "}";
}
inline std::string number(std::string_view key, double value) {
  char digits[32];  // as many as a double needs
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return "{\"" + std::string(key) + "\":" + digits + "}";
}

// The arguments of run, and the host's ops over them. Valid until run returns.
class Steps {
 public:
  Steps(strata_call* call, const strata_attention_args* args)
      : call_(call), args_(args), ops_(host_table<strata_ops>("strata.host.ops/1")) {}

  const strata_attention_args& args() const { return *args_; }

  // x [T,...] -> [S,Q,...], and back.
  Value pad(strata_tensor* x) const { return named("pad", "", {x, args_->starts}); }
  Value unpad(const Value& x) const { return named("unpad", "", {x.get(), args_->starts}); }
  // The KV cache's keys or values by sequence: [S,L,K,E].
  Value keys() const { return by_sequence(args_->k); }
  Value values() const { return by_sequence(args_->v); }
  // The mask to add to the scores, float32 [S, 1 or H, Q, L]; `json` is visibility().
  Value mask(std::string_view json) const {
    return named("mask", json, {args_->starts, args_->lengths, args_->slopes});
  }
  // q [S,Q,H,E] with k [S,L,K,E] -> [S,H,Q,L]; `json` is number("scale", ...).
  Value scores(const Value& q, const Value& k, std::string_view json) const {
    return named("scores", json, {q.get(), k.get()});
  }
  Value softmax(const Value& scores, const Value& mask) const {
    return named("softmax", "", {scores.get(), mask.get(), args_->sinks});
  }
  // p [S,H,Q,L] with v [S,L,K,E] -> [S,Q,H*E]
  Value weighted_sum(const Value& p, const Value& v) const {
    return named("weighted_sum", "", {p.get(), v.get()});
  }
  // The whole attention by the host's fused kernel: [T,H*Ev].
  Value fused(std::string_view json) const {
    return named("scaled_dot_product_attention", json,
                 {args_->q, part(args_->k), part(args_->v), args_->table, args_->starts,
                  args_->lengths, args_->slopes});
  }
  // cap * tanh(x / cap)
  Value soft_cap(const Value& x, double cap) const {
    strata_tensor* out = nullptr;
    check(ops_->elementwise(call_, STRATA_SOFT_CAP, x.get(), nullptr, cap, &out));
    return Value(out);
  }
  Value dropout(const Value& x, double p) const {
    strata_tensor* out = nullptr;
    check(ops_->dropout(call_, p, x.get(), &out));
    return Value(out);
  }
  // [T,H,E] -> [T,H*E]
  Value merged(strata_tensor* x, std::uint32_t h, std::uint32_t e) const {
    strata_tensor* out = nullptr;
    check(ops_->heads(call_, STRATA_MERGED, h, h, e, x, &out));
    return Value(out);
  }

  // x [..,a+b] -> [..,a], [..,b]
  std::array<Value, 2> split(strata_tensor* x, std::uint32_t a, std::uint32_t b) const {
    if (!STRATA_HAS(strata_ops, ops_, split))
      throw Failure(STRATA_UNIMPLEMENTED, "split: this host does not have it: use a newer Strata");
    const std::uint32_t widths[] = {a, b};
    strata_tensor* out[2] = {};
    check(ops_->split(call_, widths, 2, x, out));
    return {Value(out[0]), Value(out[1])};
  }

  // Calls an op by its name.
  Value named(std::string_view name, std::string_view json,
              std::initializer_list<strata_tensor*> in) const {
    strata_tensor* out = nullptr;
    check(ops_->call(call_, abi_str(name), abi_str(json), in.begin(),
                     static_cast<std::uint32_t>(in.size()), &out, 1));
    return Value(out);
  }

 private:
  static strata_tensor* part(const strata_parts& parts) {
    if (parts.n != 1)
      throw Failure(STRATA_UNIMPLEMENTED,
                    "a cache of several parts: this backend reads dense ones");
    return parts.p[0];
  }
  Value by_sequence(const strata_parts& parts) const {
    return named("keys", "", {part(parts), args_->table, args_->starts, args_->lengths});
  }

  strata_call* call_;
  const strata_attention_args* args_;
  const strata_ops* ops_;
};

// The table behind "strata.attention/1" for a backend made of host ops.
template <class Backend>
struct Table {
  struct Self {
    Backend backend;
  };
  static Backend& of(strata_self* self) { return reinterpret_cast<Self*>(self)->backend; }

  // False for a request that no backend serves: impossible shapes, and bits that this header does
  // not name.
  static bool sound(const strata_attention_request* r) {
    return r && r->hdr.size >= sizeof(strata_attention_request) && r->heads != 0 &&
           r->kv_heads != 0 && r->heads % r->kv_heads == 0 && r->dim_qk != 0 && r->dim_v != 0 &&
           (r->mask & ~std::uint32_t{STRATA_MASK_CAUSAL | STRATA_MASK_ALIBI}) == 0 &&
           (r->need & ~std::uint32_t{STRATA_NEED_GRAPH | STRATA_NEED_BACKWARD}) == 0;
  }
  static std::int32_t score(const strata_attention_request* r) noexcept {
    return guarded_value<std::int32_t>(0, [&] { return sound(r) ? Backend::score(*r) : 0; });
  }
  static strata_status create(const strata_host*, const strata_attention_request* r,
                              strata_self** out) noexcept {
    return guarded([&] { *out = reinterpret_cast<strata_self*>(new Self{Backend(*r)}); });
  }
  static void destroy(strata_self* self) noexcept { delete reinterpret_cast<Self*>(self); }
  static strata_status workspace(strata_self* self, std::uint32_t tokens, std::uint32_t sequences,
                                 std::uint32_t max_keys, std::uint64_t* bytes) noexcept {
    return guarded([&] { *bytes = of(self).holds({tokens, sequences, max_keys}); });
  }
  static strata_status run(strata_self* self, strata_call* call, const strata_attention_args* args,
                           strata_tensor** out, strata_tensor** saved) noexcept {
    return guarded([&] {
      auto y = of(self).run(Steps(call, args));
      *out = y.give();
      *saved = nullptr;
    });
  }

  static constexpr strata_attention table{header<strata_attention>(STRATA_ATTENTION_ON_OPS),
                                          score,
                                          create,
                                          destroy,
                                          workspace,
                                          run,
                                          nullptr};
};

}  // namespace strata::attention

#define STRATA_ATTENTION_PLUGIN(Backend, name_, version_) \
  STRATA_EXPORT_PLUGIN("attention", name_, version_,      \
                       {"strata.attention/1", &strata::attention::Table<Backend>::table})
