// Recognizes the weights of a checkpoint that AWQ quantized.
#include "awq/format.hpp"
#include "transposed/recognized.hpp"

namespace awq {
namespace {

using strata::Config, strata::WeightTensor;
using transposed::Tensors, transposed::refused, transposed::unfit;

// Without a configuration the shapes tell: GPTQ's words have neighboring columns, AWQ's have rows.
bool is_mine(const Config* options, const Tensors& tensors) {
  const auto method = transposed::option(options, "quant_method", "");
  if (transposed::is_auto_round(method))
    return transposed::option(options, "packing_format", "").find("awq") != std::string::npos;
  if (!method.empty()) return method == "awq";
  const auto &codes = tensors.codes->shape, &scales = tensors.scales->shape;
  return codes.size() == 2 && scales.size() == 2 && codes[1] != scales[1] &&
         codes[1] == scales[1] / 8 && codes[1] * 8 == scales[1];
}

// Refuses the layouts of other kernels.
void check_version(const Config* options, std::string_view weight) {
  if (transposed::is_auto_round(transposed::option(options, "quant_method", ""))) return;
  const auto version = transposed::option(options, "version|format", "gemm");
  if (version != "gemm")
    throw refused(weight, "its quantization's version '" + version +
                              "' is a layout for one kernel: give the checkpoint as gemm");
}

void check_shapes(std::string_view weight, const Tensors& tensors) {
  const auto &codes = *tensors.codes, &zeros = *tensors.zeros, &scales = *tensors.scales;
  if (codes.shape[1] * 8 != scales.shape[1])
    throw unfit(weight, codes, scales, "a word has codes for 8 rows of the weight");
  if (zeros.shape[1] * 8 != scales.shape[1])
    throw unfit(weight, zeros, scales, "a word has zeros for 8 rows of the weight");
  if (zeros.shape[0] != scales.shape[0])
    throw unfit(weight, zeros, scales, "both have a row for each group");
}

}  // namespace

std::optional<strata::PackedWeight> Format::recognize(const Config* options,
                                                      std::string_view weight,
                                                      std::span<const WeightTensor> given) {
  const auto tensors = transposed::tensors_of(given);
  if (!tensors || !is_mine(options, *tensors)) return std::nullopt;
  check_version(options, weight);
  transposed::check_types(weight, *tensors);
  check_shapes(weight, *tensors);
  constexpr int bits = 4;
  transposed::check_bits(weight, options, *tensors, bits);
  const auto in = tensors->codes->shape[0], out = tensors->scales->shape[1];
  const Format format({bits, transposed::group_of(weight, options, *tensors, in),
                       transposed::scale_of(weight, *tensors->scales)});
  return strata::PackedWeight{format.scheme(), {out, in}, format.form.scale};
}

}  // namespace awq
