// A codec of the tests alone.
#pragma once
#include <strata/abi/draft/quant.h>

#include <atomic>

#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::test {

// An element is a signed byte times its row's scale. Products are for at most `most` tokens, and
// are counted.
struct Rows {
  int64_t most = 4;
  int products = 0, grouped = 0;
  std::atomic<int> unpacked = 0;
  bool fails = false, fast = false;
};

inline Rows& rows_of(strata_self* self) { return *reinterpret_cast<Rows*>(self); }

inline at::Tensor dense_of(const at::Tensor& codes, const at::Tensor& scales) {
  return codes.view(at::kChar).to(at::kDouble).mul(scales.to(at::kDouble));
}

// y = x w^T, each row of the weight as an item, which may run on a thread of the host.
inline void multiply_rows(const strata_parts& parts, const at::Tensor& x, const at::Tensor& y,
                          const strata_threads* threads) {
  struct Work {
    at::Tensor x, w, y;
  } work{x.to(at::kDouble), dense_of(value_of(*parts.p[0]), value_of(*parts.p[1])), y};
  threads->run(
      threads, work.w.size(0),
      [](void* user, int64_t row) {
        const c10::InferenceMode unrecorded;
        const auto& on = *static_cast<Work*>(user);
        // A loop of its own: a library's sum may depend on where a row begins.
        const auto columns = on.w.size(1);
        const auto* w = on.w.const_data_ptr<double>() + row * columns;
        for (int64_t t = 0; t < on.x.size(0); ++t) {
          const auto* from = on.x.const_data_ptr<double>() + t * columns;
          double sum = 0;
          for (int64_t k = 0; k < columns; ++k) sum += from[k] * w[k];
          on.y[t][row].fill_(sum);
        }
      },
      &work);
}

inline strata_quant rows_quant() {
  strata_quant made{};
  made.hdr.size = sizeof made;
  made.create = [](const strata_host* host, strata_str, const strata_config*, strata_self** out) {
    // The test gives its state in place of a host.
    *out = reinterpret_cast<strata_self*>(const_cast<strata_host*>(host));
    return strata_status{STRATA_OK};
  };
  made.destroy = [](strata_self*) {};
  made.layout = [](strata_self*, strata_dtype, uint32_t, const int64_t*,
                   void (*)(void*, const strata_part*),
                   void*) { return strata_status{STRATA_UNIMPLEMENTED}; };
  made.pack = [](strata_self*, strata_call*, strata_tensor*, const strata_parts*) {
    return strata_status{STRATA_UNIMPLEMENTED};
  };
  made.unpack = [](strata_self* self, strata_call*, const strata_parts* parts,
                   strata_tensor* weight) {
    ++rows_of(self).unpacked;
    value_of(*weight).copy_(dense_of(value_of(*parts->p[0]), value_of(*parts->p[1])));
    return strata_status{STRATA_OK};
  };
  made.linear = [](strata_self* self, strata_call*, const strata_product* product) {
    auto& state = rows_of(self);
    ++state.products;
    state.fast = (product->hdr.flags & STRATA_PRODUCT_FAST) != 0;
    if (state.fails || !product->workspace) return strata_status{STRATA_INTERNAL};
    multiply_rows(*product->parts, value_of(*product->x), value_of(*product->y), product->threads);
    return strata_status{STRATA_OK};
  };
  made.can = [](strata_self* self, const strata_product_kind* kind) {
    return kind->tokens <= rows_of(self).most && kind->device.type == STRATA_CPU ? 1 : 0;
  };
  made.workspace = [](strata_self*, const strata_product_kind*) { return uint64_t{8}; };
  return made;
}

inline const strata_quant* rows_table() {
  static const auto one = rows_quant();
  return &one;
}

// The same with products of several weights.
inline const strata_quant* grouping_table() {
  static const auto one = [] {
    auto made = rows_quant();
    made.linear_grouped = [](strata_self* self, strata_call*,
                             const strata_grouped_product* product) {
      auto& state = rows_of(self);
      ++state.grouped;
      if (state.fails || !product->workspace) return strata_status{STRATA_INTERNAL};
      int64_t from = 0;
      for (uint64_t i = 0; i < product->n; ++i) {
        const auto& weight = product->weights[i];
        const auto count = weight.end - from;
        multiply_rows(*weight.parts, value_of(*product->x).narrow(0, from, count),
                      value_of(*product->y).narrow(0, from, count), product->threads);
        from = weight.end;
      }
      return strata_status{from == value_of(*product->x).size(0) ? STRATA_OK : STRATA_INVALID};
    };
    return made;
  }();
  return &one;
}

}  // namespace strata::torch::test
