// The section weight_quantization of a ds_config.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace strata::deepspeed {

inline constexpr std::string_view weight_quantization = "weight_quantization";

// The keys of [run] that mean the same: of "quantized_initialization" those of --quant, of
// "post_init_quant" a rule for each of its keys. `file` begins the messages. Throws UsageError for
// unknown keys, other numbers of bits than 4 and 8, groups along the other dimension, and both
// forms together.
nlohmann::json quant_settings(const nlohmann::json& section, const std::string& file);

}  // namespace strata::deepspeed
