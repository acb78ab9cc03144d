#include "core/source/gguf_rope.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"

namespace strata::source {
namespace {

constexpr auto remedy = "use another file of the model";

constexpr std::string_view multiplier = "yarn_log_multiplier";

void check_scaling_keys(const Gguf& file, const std::string& prefix, bool mscale) {
  static constexpr std::array<std::string_view, 7> known{
      "type",           "factor",        "original_context_length", "attn_factor",
      "finetuned",  // says how the model was made and changes nothing
      "yarn_beta_fast", "yarn_beta_slow"};
  for (const auto& [key, value] : file.metadata) {
    if (!key.starts_with(prefix)) continue;
    const auto tail = std::string_view(key).substr(prefix.size());
    if (std::find(known.begin(), known.end(), tail) == known.end() &&
        !(mscale && tail == multiplier))
      throw Error(file.path, "metadata '" + printable(key) + "' is not supported", remedy);
  }
}

double factor_of(const Gguf& file, const std::string& key) {
  const auto factor = file.number(key);
  if (!factor) throw Error(file.path, "no metadata '" + key + "'", "convert the model again");
  return *factor;
}

Json yarn(const Gguf& file, const std::string& scaling, const GgufMapping& mapping,
          const Json& config) {
  const auto factor = factor_of(file, scaling + "factor");
  Json out{{"rope_type", "yarn"}, {"factor", factor}};
  const auto original = file.integer(scaling + "original_context_length");
  out["original_max_position_embeddings"] =
      original ? Json(*original) : config.value("max_position_embeddings", Json());
  // The file's factor comes on top of YaRN's own, config.json's replaces it.
  if (const auto own = file.number(scaling + "attn_factor"); own && *own != 1)
    out["attention_factor"] = *own * (factor > 1 ? 0.1 * std::log(factor) + 1 : 1);
  if (const auto beta = file.number(scaling + "yarn_beta_fast")) out["beta_fast"] = *beta;
  if (const auto beta = file.number(scaling + "yarn_beta_slow")) out["beta_slow"] = *beta;
  if (!mapping.rope_truncate) out["truncate"] = false;
  // The file has mscale_all_dim alone; both then have no other effect than the scale of the scores.
  if (const auto log = file.number(scaling + std::string(multiplier));
      log && mapping.rope_mscale > 0)
    out["mscale"] = out["mscale_all_dim"] = *log / mapping.rope_mscale;
  return out;
}

// rope_scaling by the metadata alone; null: the file does not scale.
Json scaling_of(const Gguf& file, const GgufMapping& mapping, const Json& config) {
  const auto& prefix = mapping.rope_prefix;
  const auto scaling = prefix + ".scaling.";
  check_scaling_keys(file, scaling, mapping.rope_mscale > 0);
  const auto old = file.number(prefix + ".scale_linear");
  const auto type = file.text(scaling + "type").value_or(old && *old != 1 ? "linear" : "none");
  if (type == "none") return nullptr;
  if (type == "linear")
    return {{"rope_type", "linear"}, {"factor", old ? *old : factor_of(file, scaling + "factor")}};
  if (type == "yarn") return yarn(file, scaling, mapping, config);
  throw Error(file.path, "rope scaling '" + printable(type) + "' is not supported", remedy);
}

Json longrope(const Gguf& file, const std::string& scaling, const GgufRopeFactors& factors,
              const Json& config) {
  const auto longest = config.value("max_position_embeddings", Json());
  const auto original = file.integer(scaling + "original_context_length");
  Json out{{"rope_type", "longrope"},
           {"short_factor", factors.shorter},
           {"long_factor", factors.longer},
           {"original_max_position_embeddings", original ? Json(*original) : longest}};
  if (original && *original > 0 && longest.is_number())
    out["factor"] = longest.get<double>() / static_cast<double>(*original);
  if (const auto own = file.number(scaling + "attn_factor")) out["attention_factor"] = *own;
  return out;
}

}  // namespace

void add_gguf_rope(const Gguf& file, const GgufMapping& mapping, const GgufRopeFactors& factors,
                   Json& config) {
  const auto& prefix = mapping.rope_prefix;
  config["rope_theta"] = file.number(prefix + ".freq_base").value_or(10000.0);
  auto scaling = scaling_of(file, mapping, config);
  const bool by_length = !factors.shorter.empty() || !factors.longer.empty();
  if (!scaling.is_null() && (by_length || !factors.all.empty()))
    throw Error(file.path,
                "tensor '" + (by_length ? mapping.rope_long : mapping.rope_factors) +
                    "' beside a rope scaling is not supported",
                remedy);
  if (by_length) {
    if (factors.shorter.size() != factors.longer.size())
      throw Error(file.path,
                  "tensors '" + mapping.rope_short + "' and '" + mapping.rope_long +
                      "' are not of one length",
                  "convert the model again");
    scaling = longrope(file, prefix + ".scaling.", factors, config);
  } else if (!factors.all.empty()) {
    scaling = {
        {"rope_type", "longrope"},
        {"short_factor", factors.all},
        {"long_factor", factors.all},
        {"factor", 1.0},
        {"attention_factor", 1.0},
        {"original_max_position_embeddings", config.value("max_position_embeddings", Json())}};
  }
  if (!scaling.is_null()) config["rope_scaling"] = std::move(scaling);
}

}  // namespace strata::source
