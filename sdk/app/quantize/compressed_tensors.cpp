#include "app/quantize/compressed_tensors.hpp"

#include "app/quantize/compressed_rows.hpp"
#include "core/source/dtype.hpp"

namespace strata::app {
namespace {

source::Tensor dense(std::string name, std::vector<std::int64_t> shape, strata_dtype dtype) {
  source::Tensor out{.name = std::move(name), .shape = shape};
  out.stored = source::dense_form(dtype, std::move(shape));
  return out;
}

// [Note: formats] Weights of 8 bits are packed as well: vLLM takes the format int-quantized only
// with quantized activations, and the package itself chooses pack-quantized for weights alone. Both
// take float-quantized with weights alone.
const char* format_of(const CompressedScheme& scheme) {
  return scheme.floating() ? "float-quantized" : "pack-quantized";
}

}  // namespace

std::vector<source::Tensor> compressed_tensors(const CompressedScheme& scheme,
                                               const std::string& weight, std::int64_t rows,
                                               std::int64_t columns, strata_dtype dtype) {
  const auto words = static_cast<std::int64_t>(code_bytes(scheme, columns) / 4);
  const auto scales = scales_of_row(scheme, columns);
  std::vector<source::Tensor> out;
  if (scheme.floating()) {
    out.push_back({.name = weight, .shape = {rows, columns}});
    out.back().stored =
        source::packed_form("F8_E4M3", {{"codes", source::u8, {rows, columns}, {}, 0}});
  } else {
    out.push_back(dense(weight + "_packed", {rows, words}, source::i32));
  }
  out.push_back(dense(weight + "_scale", {rows, scales}, dtype));
  if (const auto bytes = zero_bytes(scheme, rows, columns); bytes > 0)
    out.push_back(dense(weight + "_zero_point",
                        {static_cast<std::int64_t>(bytes) / 4 / scales, scales}, source::i32));
  if (!scheme.floating()) out.push_back(dense(weight + "_shape", {2}, source::i64));
  return out;
}

Json compressed_config(const CompressedScheme& scheme, const std::vector<std::string>& ignored) {
  const auto* format = format_of(scheme);
  const Json weights{{"num_bits", scheme.bits()},
                     {"type", scheme.floating() ? "float" : "int"},
                     {"symmetric", scheme.symmetric},
                     {"strategy", scheme.group > 0 ? "group" : "channel"},
                     {"group_size", scheme.group > 0 ? Json(scheme.group) : Json()},
                     {"dynamic", false}};
  const Json group{{"targets", {"Linear"}},
                   {"weights", weights},
                   {"input_activations", nullptr},
                   {"output_activations", nullptr},
                   {"format", format}};
  return {{"quant_method", "compressed-tensors"},
          {"format", format},
          {"quantization_status", "compressed"},
          {"config_groups", {{"group_0", group}}},
          {"ignore", ignored},
          {"kv_cache_scheme", nullptr},
          {"global_compression_ratio", nullptr},
          {"moe_sparsity_config", nullptr},
          {"sparsity_config", Json::object()},
          {"transform_config", Json::object()},
          {"version", "0.20.1"}};
}

}  // namespace strata::app
