// Rotary embedding parameters, in the meaning of transformers' modeling_rope_utils: its keys by
// type, its defaults and its attention factors. What it warns of and cannot compute is an error.
#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "core/source/config.hpp"

namespace strata::source {
namespace {

struct Type {
  std::string_view name;
  std::vector<std::string_view> keys;  // beside those that every type has
};

const std::vector<Type>& types() {
  static const std::vector<Type> all{
      {"default", {}},
      {"linear", {"factor"}},
      {"dynamic", {"factor"}},
      {"llama3",
       {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"}},
      {"yarn",
       {"factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
        "mscale", "mscale_all_dim", "truncate"}},
      {"longrope",
       {"short_factor", "long_factor", "factor", "original_max_position_embeddings",
        "attention_factor"}}};
  return all;
}

std::string joined(const std::string& prefix, std::string_view key) {
  return prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
}

double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

}  // namespace

// One reading of rope parameters: `model_` is the path of the model's object, `object_` that of its
// rope parameters.
class RopeReader {
 public:
  RopeReader(const Config& config, std::string_view path) : config_(config), model_(path) {
    constexpr std::string_view newer = "rope_parameters";
    const auto at = path.find(newer);
    if (at != std::string_view::npos && (at == 0 || path[at - 1] == '.')) {
      model_ = path.substr(0, at == 0 ? 0 : at - 1);
      object_ = path;
      parameters_ = config.find(path);
      if (!parameters_) config.missing(path);
    } else {
      object_ = joined(model_, newer);
      parameters_ = config.find(object_);
      if (!parameters_ || (parameters_->is_object() && parameters_->empty())) {
        object_ = joined(model_, "rope_scaling");
        parameters_ = config.find(object_);
      }
    }
    if (parameters_ && !parameters_->is_object()) config.wrong(object_, "an object");
    if (parameters_ && parameters_->empty()) parameters_ = nullptr;
  }

  void fill(strata_op_rope& out) {
    out.theta = theta(out.theta);
    const auto& type = this->type();
    out.type = {type.name.data(), type.name.size()};
    check_keys(type);
    out.dim = dim(out.dim);
    out.factor = 1;
    out.attention_factor = 1;
    if (type.name == "linear") out.factor = positive("factor");
    if (type.name == "dynamic") fill_dynamic(out);
    if (type.name == "llama3") fill_llama3(out);
    if (type.name == "yarn") fill_yarn(out);
    if (type.name == "longrope") fill_longrope(out);
  }

 private:
  std::string key(std::string_view name) const { return joined(object_, name); }
  bool has(std::string_view name) const { return parameters_ && config_.find(key(name)); }
  [[noreturn]] void refuse(std::string_view name, const std::string& what) const {
    throw Error(config_.name(), "key '" + printable(config_.present(name)) + "' " + what,
                "mend the configuration");
  }

  const Type& type() const {
    const std::string_view fallback = "default";
    const auto name =
        parameters_ ? config_.text(key("rope_type") + "|" + key("type"), &fallback) : fallback;
    for (const auto& known : types())
      if (known.name == name) return known;
    std::string known;
    for (const auto& each : types()) known.append(known.empty() ? "" : ", ").append(each.name);
    throw Error(config_.name(),
                "key '" + key(has("rope_type") ? "rope_type" : "type") + "' is '" +
                    printable(name) + "', a rope type that is not known",
                "known: " + known);
  }

  void check_keys(const Type& type) const {
    if (!parameters_) return;
    for (const auto& [name, value] : parameters_->items()) {
      const bool common = name == "rope_type" || name == "type" || name == "rope_theta" ||
                          name == "partial_rotary_factor";
      if (!common && std::find(type.keys.begin(), type.keys.end(), name) == type.keys.end())
        refuse(key(name), "is not known for rope type '" + std::string(type.name) + "'");
    }
  }

  double positive_at(const std::string& path, const double* fallback = nullptr) const {
    const auto value = config_.f64(path, fallback);
    if (!(value > 0) || !std::isfinite(value)) refuse(path, "is not a number above 0");
    return value;
  }
  double positive(std::string_view name) const { return positive_at(key(name)); }

  std::uint32_t positions(const std::string& path) const {
    const auto value = config_.i64(path);
    if (value < 1 || value > UINT32_MAX) refuse(path, "is not a count of positions");
    return static_cast<std::uint32_t>(value);
  }
  std::uint32_t max_positions() const {
    return positions(joined(model_, "max_position_embeddings"));
  }
  // The model's own key comes before that of the rope parameters; without either, the maximum.
  std::uint32_t original_positions() const {
    return positions(joined(model_, "original_max_position_embeddings") + "|" +
                     key("original_max_position_embeddings") + "|" +
                     joined(model_, "max_position_embeddings"));
  }

  double theta(double of_family) const {
    const double fallback = of_family > 0 ? of_family : 10000.0;
    return positive_at(key("rope_theta") + "|" + joined(model_, "rope_theta"), &fallback);
  }

  std::uint32_t head_dim(std::uint32_t given) const {
    if (given > 0) return given;
    const auto explicit_dim = joined(model_, "head_dim");
    std::int64_t value = 0;
    if (config_.find(explicit_dim)) {
      value = config_.i64(explicit_dim);
    } else {
      const auto heads = config_.i64(joined(model_, "num_attention_heads"));
      if (heads < 1) refuse(joined(model_, "num_attention_heads"), "is not a count");
      value = config_.i64(joined(model_, "hidden_size")) / heads;
    }
    if (value < 1 || value > UINT16_MAX) refuse(explicit_dim, "is not a head's size");
    return static_cast<std::uint32_t>(value);
  }

  // How many of a head's dimensions turn; 0: all.
  std::uint32_t dim(std::uint32_t given) const {
    const auto partial =
        key("partial_rotary_factor") + "|" + joined(model_, "partial_rotary_factor");
    if (!config_.find(partial)) return given;
    const auto part = positive_at(partial);
    const auto head = head_dim(given);
    const auto turning = part * head;
    if (part > 1 || turning < 2 || static_cast<std::uint32_t>(turning) % 2 != 0)
      refuse(partial, "does not turn a whole number of pairs of " + std::to_string(head));
    if (part == 1) return given;
    return static_cast<std::uint32_t>(turning);
  }

  void fill_dynamic(strata_op_rope& out) const {
    out.factor = positive("factor");
    out.max_positions = max_positions();
  }

  void fill_llama3(strata_op_rope& out) const {
    out.factor = positive("factor");
    out.original_positions = original_positions();
    out.low_freq_factor = positive("low_freq_factor");
    out.high_freq_factor = positive("high_freq_factor");
    if (out.high_freq_factor <= out.low_freq_factor)
      refuse(key("high_freq_factor"), "is not above low_freq_factor");
  }

  // The factor's own key, or how much longer the model is than it was at first.
  double factor_or_ratio(const strata_op_rope& out) const {
    if (has("factor")) return positive("factor");
    return static_cast<double>(max_positions()) / out.original_positions;
  }

  void fill_yarn(strata_op_rope& out) const {
    out.original_positions = original_positions();
    if (!parameters_->contains("factor")) config_.missing(key("factor"));
    out.factor = factor_or_ratio(out);
    const double none = 0, fast = 32, slow = 1;
    const auto mscale = config_.f64(key("mscale"), &none);
    const auto all = config_.f64(key("mscale_all_dim"), &none);
    const auto computed = mscale != 0 && all != 0
                              ? yarn_scale(out.factor, mscale) / yarn_scale(out.factor, all)
                              : yarn_scale(out.factor, 1);
    out.attention_factor = finite("attention_factor", computed);
    out.beta_fast = finite("beta_fast", fast);
    out.beta_slow = finite("beta_slow", slow);
    if (out.beta_fast == 0) out.beta_fast = fast;
    if (out.beta_slow == 0) out.beta_slow = slow;
    if (out.beta_slow < 0 || out.beta_fast < out.beta_slow)
      refuse(key("beta_fast"), "is not above beta_slow");
    const std::int64_t truncated = 1;
    out.truncate = config_.i64(key("truncate"), &truncated) != 0 ? 1 : 0;
  }

  double finite(std::string_view name, double fallback) const {
    const auto value = config_.f64(key(name), &fallback);
    if (!std::isfinite(value) || value < 0) refuse(key(name), "is not a number from 0 on");
    return value;
  }

  void fill_longrope(strata_op_rope& out) const {
    out.original_positions = original_positions();
    out.max_positions = max_positions();
    out.factor = factor_or_ratio(out);
    const auto computed =
        out.factor <= 1 ? 1.0
                        : std::sqrt(1 + std::log(out.factor) / std::log(out.original_positions));
    out.attention_factor = finite("attention_factor", computed);
    const auto pairs = (out.dim > 0 ? out.dim : head_dim(0)) / 2;
    out.short_factors = factors("short_factor", pairs);
    out.long_factors = factors("long_factor", pairs);
    out.factors = pairs;
  }

  const double* factors(std::string_view name, std::uint32_t pairs) const {
    const auto path = key(name);
    const auto* list = config_.find(path);
    if (!list) config_.missing(path);
    if (!list->is_array()) config_.wrong(path, "a list of numbers");
    if (list->size() != pairs)
      refuse(path,
             "has " + std::to_string(list->size()) + " numbers, not " + std::to_string(pairs));
    const auto* values = config_.numbers(path, *list);
    if (!std::all_of(values, values + pairs, [](double v) { return v > 0 && std::isfinite(v); }))
      refuse(path, "has a number that is not above 0");
    return values;
  }

  const Config& config_;
  std::string model_, object_;
  const Json* parameters_ = nullptr;
};

void Config::rope(std::string_view path, strata_op_rope& inout) const {
  // Read into a whole struct, then give as much of it as the caller's version has.
  strata_op_rope out{};
  const auto room = std::min<std::size_t>(inout.hdr.size, sizeof out);
  if (room < sizeof(strata_hdr))
    throw Error(name_, "strata_op_rope without a size", "set hdr.size");
  auto* to = reinterpret_cast<char*>(&inout);
  auto* whole = reinterpret_cast<char*>(&out);
  std::copy(to, to + room, whole);
  RopeReader(*this, path).fill(out);
  out.hdr = inout.hdr;
  std::copy(whole, whole + room, to);
}

}  // namespace strata::source
