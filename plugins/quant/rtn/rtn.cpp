// int4, int8, nf4 and fp8, made from dense weights by rounding to nearest. A weight [..,n] has
// parts "codes", "scales" and, where int4 and int8 are not symmetric, "zeros", the lowest values of
// the groups; nf4 has the codes of QLoRA's NormalFloat, fp8 has E4M3 numbers and one scale for each
// row. kernels/pack_groups.hpp says how they are chosen.
#include <algorithm>
#include <cmath>
#include <strata/quant.hpp>
#include <utility>

#include "../gguf/floats.hpp"
#include "kernels/group_codec.hpp"
#include "kernels/pack_groups.hpp"
#include "options.hpp"

namespace {

using strata::Memory;
namespace kernels = strata::kernels;

// Calls f(const T*) for the dense weight's element type.
template <class F>
void over_elements(std::string_view scheme, const Memory& weight, F&& f) {
  const auto [code, bits, lanes] = weight.dtype;
  if (lanes == 1 && code == STRATA_FLOAT && bits == 32) return f(weight.as<const float>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 64) return f(weight.as<const double>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 16) return f(weight.as<const gguf::Half>());
  if (lanes == 1 && code == STRATA_BFLOAT && bits == 16) return f(weight.as<const gguf::Brain>());
  throw rtn::refused(scheme, "a dense weight is float16, bfloat16, float32 or float64");
}

// Counts the values that cannot be packed.
template <class T>
std::string count_unfit(const T* from, int64_t rows, int64_t columns) {
  int64_t nan = 0, large = 0, first = -1;
  for (int64_t i = 0; i < rows * columns; ++i) {
    const float x = gguf::to_float(from[i]);
    if (std::fabs(x) < kernels::too_large) continue;
    ++(std::isnan(x) ? nan : large);
    if (first < 0) first = i;
  }
  return std::to_string(nan) + " values are NaN and " + std::to_string(large) +
         " are infinite or above 8.5e37, of " + std::to_string(rows) + " x " +
         std::to_string(columns) + " the first in row " + std::to_string(first / columns) +
         ", column " + std::to_string(first % columns) +
         ": only finite weights are quantized, so fix the checkpoint";
}

class Codec {
 public:
  static int32_t score(std::string_view scheme, const strata::Config*) {
    return rtn::known(scheme) ? 100 : 0;
  }

  Codec(std::string_view scheme, const strata::Config* options)
      : scheme_(scheme), codec_(rtn::form_of(scheme, options)) {}

  std::vector<strata::Part> parts(strata_dtype dtype, std::span<const int64_t> shape) const {
    return codec_.parts(dtype, shape);
  }

  void pack(const strata_call&, const Memory& weight, std::span<const Memory> given) const {
    check(weight, given);
    const int64_t columns = weight.shape.back(), rows = weight.elements() / columns;
    over_elements(scheme_, weight, [&](const auto* from) {
      const kernels::DenseRows dense{from, weight.dtype, rows, columns};
      const kernels::PackedRows packed{given[0].as<uint8_t>(), given[1].as<float>(),
                                       given.size() > 2 ? given[2].as<float>() : nullptr};
      if (!kernels::pack(codec_.form(), dense, packed))
        throw rtn::refused(scheme_, count_unfit(from, rows, columns));
    });
  }

  void unpack(const strata_call& call, std::span<const Memory> given, const Memory& weight) const {
    codec_.unpack(call, given, weight);
  }
  bool unpacks(strata_device device) const { return codec_.unpacks(device); }
  bool can(const strata::ProductKind& kind) const { return codec_.can(kind); }
  uint64_t workspace(const strata::ProductKind& kind) const { return codec_.workspace(kind); }
  void linear(const strata_call& call, std::span<const Memory> given,
              const strata::Product& product) const {
    codec_.linear(call, given, product);
  }
  void linear_grouped(const strata_call& call, const strata::GroupedProduct& product) const {
    codec_.linear_grouped(call, product);
  }

 private:
  // Throws unless the parts are the weight's, in host memory.
  void check(const Memory& weight, std::span<const Memory> given) const {
    const auto wanted = parts(weight.dtype, weight.shape);
    bool fit = given.size() == wanted.size();
    for (std::size_t i = 0; fit && i < wanted.size(); ++i) {
      const auto& [code, bits, lanes] = wanted[i].dtype;
      fit = given[i].dtype.code == code && given[i].dtype.bits == bits &&
            given[i].dtype.lanes == lanes &&
            given[i].elements() == Memory{.shape = wanted[i].shape}.elements();
    }
    if (!fit) throw rtn::refused(scheme_, "the parts are not those of the weight");
    if (!weight.on_host() || !std::ranges::all_of(given, &Memory::on_host))
      throw strata::Failure(STRATA_UNIMPLEMENTED,
                            scheme_ + ": weights are packed in host memory only");
  }

  std::string scheme_;
  kernels::GroupCodec codec_;
};

}  // namespace

STRATA_QUANT_PLUGIN(Codec, "rtn", "1.0.0");
