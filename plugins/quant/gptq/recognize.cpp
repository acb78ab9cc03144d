// Recognizes the weights of a checkpoint that GPTQ quantized.
#include <cstring>

#include "gptq/format.hpp"
#include "packed/flag.hpp"
#include "transposed/recognized.hpp"

namespace gptq {
namespace {

using strata::Config, strata::WeightTensor;
using transposed::Tensors, transposed::refused, transposed::unfit;

// Without a configuration the shapes tell: AWQ's words have neighboring rows, GPTQ's have columns.
bool is_mine(const Config* options, const Tensors& tensors) {
  const auto method = transposed::option(options, "quant_method", "");
  if (transposed::is_auto_round(method))
    return transposed::option(options, "packing_format", "").find("awq") == std::string::npos;
  if (!method.empty()) return method == "gptq";
  const auto &codes = tensors.codes->shape, &scales = tensors.scales->shape;
  return codes.size() == 2 && scales.size() == 2 && codes[1] == scales[1];
}

// Whether zeros are stored less one, which no tensor says. Refuses layouts that were made for one
// kernel.
bool is_less_one(const Config* options, std::string_view weight) {
  if (!options)
    throw refused(weight,
                  "config.json has no object quantization_config, which alone says in which of "
                  "GPTQ's two versions zeros are stored: put the checkpoint's settings there, with "
                  "its quant_method and checkpoint_format");
  if (transposed::is_auto_round(transposed::option(options, "quant_method", ""))) {
    const auto packing = transposed::option(options, "packing_format", "auto_round");
    if (packing == "auto_round:auto_gptq") return true;
    throw refused(weight, "its quantization's packing_format '" + packing +
                              "' is not supported: export it as auto_round:auto_gptq");
  }
  auto format = transposed::option(options, "checkpoint_format|format", "gptq");
  if (packed::flag_of(*options, "is_marlin_format", false)) format = "marlin";
  if (format == "gptq") return true;
  if (format == "gptq_v2") return false;
  throw refused(weight, "its quantization's checkpoint_format '" + format +
                            "' is a layout for one kernel: give the checkpoint as gptq or gptq_v2");
}

bool is_symmetric(const Config* options) {
  return options && packed::flag_of(*options, "sym", false) && !transposed::has_exceptions(options);
}

int bits_of(std::string_view weight, const Tensors& tensors) {
  const auto out = tensors.scales->shape[1], words = tensors.zeros->shape[1];
  const auto bits = words * 32 / out;
  if (bits * out != words * 32 || (bits != 2 && bits != 3 && bits != 4 && bits != 8))
    throw unfit(weight, *tensors.zeros, *tensors.scales,
                "no codes of 2, 3, 4 or 8 bits for " + std::to_string(out) + " rows fill " +
                    std::to_string(words) + " words");
  return static_cast<int>(bits);
}

void check_shapes(std::string_view weight, const Tensors& tensors) {
  const auto &codes = *tensors.codes, &zeros = *tensors.zeros, &scales = *tensors.scales;
  if (codes.shape[1] != scales.shape[1])
    throw unfit(weight, codes, scales, "both have a column for each row of the weight");
  if (zeros.shape[0] != scales.shape[0])
    throw unfit(weight, zeros, scales, "both have a row for each group");
}

// Without an order the columns lie in that of their groups. A host gives no tensor without
// elements.
Order order_of(const Config* options, std::string_view weight, const Tensors& tensors, int64_t in,
               const transposed::Form& form) {
  const auto* order = tensors.order;
  const bool free = options && packed::flag_of(*options, "desc_act", false);
  if (!order) {
    if (free && transposed::groups_in(form, in) > 1)
      throw refused(weight,
                    "its g_idx is missing or empty, and config.json's desc_act says that its "
                    "columns are in another order, which g_idx names: fetch the checkpoint again");
    return Order::absent;
  }
  if (order->type != "I32" || order->shape.size() != 1 || order->shape[0] != in)
    throw unfit(weight, *tensors.codes, *order,
                "the order has an I32 for each of " + std::to_string(in) + " columns");
  if (!order->data) return Order::free;
  const auto group = transposed::group_in(form, in), groups = transposed::groups_in(form, in);
  bool in_order = true;
  for (int64_t k = 0; k < in; ++k) {
    int32_t at = 0;
    std::memcpy(&at, static_cast<const std::byte*>(order->data) + k * 4, sizeof at);
    if (at < 0 || at >= groups)
      throw refused(weight, "its order puts column " + std::to_string(k) + " in group " +
                                std::to_string(at) + " of " + std::to_string(groups) +
                                ": fetch the checkpoint again");
    in_order = in_order && at == k / group;
  }
  return in_order ? Order::in_order : Order::free;
}

}  // namespace

std::optional<strata::PackedWeight> Format::recognize(const Config* options,
                                                      std::string_view weight,
                                                      std::span<const WeightTensor> given) {
  const auto tensors = transposed::tensors_of(given);
  if (!tensors || !is_mine(options, *tensors)) return std::nullopt;
  const bool less_one = is_less_one(options, weight);
  transposed::check_types(weight, *tensors);
  check_shapes(weight, *tensors);
  const auto &codes = *tensors->codes, &scales = *tensors->scales;
  transposed::Form form{bits_of(weight, *tensors), 0, transposed::scale_of(weight, scales)};
  transposed::check_bits(weight, options, *tensors, form.bits);
  const auto in = codes.shape[0] * 32 / form.bits, out = scales.shape[1];
  if (in % transposed::codes_at_once(form.bits) != 0 || in > transposed::longest)
    throw unfit(weight, codes, *tensors->zeros,
                "codes of " + std::to_string(form.bits) + " bits do not fill " +
                    std::to_string(codes.shape[0]) + " words a column");
  form.group = transposed::group_of(weight, options, *tensors, in);
  const Format format(form, less_one, less_one && is_symmetric(options),
                      order_of(options, weight, *tensors, in, form));
  return strata::PackedWeight{format.scheme(), {out, in}, form.scale};
}

}  // namespace gptq
