// Rotary embedding parameters, in the meaning of transformers' modeling_rope_utils: its keys by
// type, its defaults and its attention factors. A key that it warns of is noted and ignored.
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
// rope parameters. A null key counts as present: it keeps a value elsewhere from counting.
class RopeReader {
 public:
  RopeReader(const Config& config, std::string_view path) : config_(config), model_(path) {
    constexpr std::string_view newer = "rope_parameters", older = "rope_scaling";
    const auto at = path.find(newer);
    if (path.starts_with('{')) {
      whole_ = parse_json(path, config.name());
      model_.clear(), object_ = newer, parameters_ = &*whole_;
    } else if (at != std::string_view::npos && (at == 0 || path[at - 1] == '.')) {
      nested_ = true;
      model_ = path.substr(0, at == 0 ? 0 : at - 1);
      object_ = path;
      parameters_ = config.find(path);
      if (!parameters_) config.missing(path);
    } else {
      object_ = joined(model_, older);
      parameters_ = config.find(object_);
      if (!parameters_ || asks_nothing(*parameters_)) {
        object_ = joined(model_, newer);
        parameters_ = config.find(object_);
      }
    }
    if (parameters_ && !parameters_->is_object()) config.wrong(object_, "an object");
  }

  void fill(strata_op_rope& out) {
    out.theta = theta(out.theta);
    const auto& type = this->type();
    out.type = {type.name.data(), type.name.size()};
    note_unused(type);
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
  // Whether the value is false in Python, so that another one counts in its place.
  static bool asks_nothing(const Json& value) {
    return value.empty() || value == false || value == 0 || value == "";
  }

  std::string key(std::string_view name) const { return joined(object_, name); }
  // A value of the rope parameters; null where the key is absent.
  const Json* get(std::string_view name) const {
    if (!parameters_) return nullptr;
    const auto found = parameters_->find(std::string(name));
    return found == parameters_->end() ? nullptr : &*found;
  }
  bool has(std::string_view name) const {
    const auto* value = get(name);
    return value && !value->is_null();
  }
  // A value of the model, beside its rope parameters.
  const Json* of_model(std::string_view name) const {
    return whole_ ? nullptr : config_.locate(joined(model_, name));
  }

  [[noreturn]] void refuse(const std::string& path, const std::string& what) const {
    throw Error(config_.name(), "key '" + printable(path) + "' " + what, "fix the configuration");
  }

  const Type& type() const {
    const auto* given = get("rope_type");
    const auto at = key(given ? "rope_type" : "type");
    if (!given) given = get("type");
    if (given && !given->is_string()) config_.wrong(at, "text");
    const auto name = given ? given->get<std::string>() : "default";
    for (const auto& known : types())
      if (known.name == name) return known;
    std::string known;
    for (const auto& each : types()) known.append(known.empty() ? "" : ", ").append(each.name);
    throw Error(config_.name(),
                "key '" + at + "' is '" + printable(name) + "', a rope type that is not known",
                "known: " + known);
  }

  void note_unused(const Type& type) const {
    if (!parameters_) return;
    std::string unused;
    for (const auto& [name, value] : parameters_->items()) {
      const bool common = name == "rope_type" || name == "type" || name == "rope_theta" ||
                          name == "partial_rotary_factor" || (whole_ && name == positions_key);
      if (!common && std::find(type.keys.begin(), type.keys.end(), name) == type.keys.end())
        unused.append(unused.empty() ? "" : ", ").append(printable(name));
    }
    if (!unused.empty())
      config_.note(object_ + ": rope type '" + std::string(type.name) + "' does not use " + unused);
  }

  double number(const Json& value, const std::string& path) const {
    if (value.is_null()) refuse(path, "is null");
    if (!value.is_number()) config_.wrong(path, "a number");
    return value.get<double>();
  }
  double positive(const Json& value, const std::string& path) const {
    const auto out = number(value, path);
    if (!(out > 0) || !std::isfinite(out)) refuse(path, "is not a number above 0");
    return out;
  }
  double positive(std::string_view name) const {
    const auto* value = get(name);
    if (!value) config_.missing(key(name));
    return positive(*value, key(name));
  }

  std::uint32_t positions(const Json& value, const std::string& path) const {
    const auto given = number(value, path);
    if (!(given >= 1 && given <= UINT32_MAX) || given != std::trunc(given))
      refuse(path, "is not a count of positions");
    return static_cast<std::uint32_t>(given);
  }
  // `of_family` 0: the model must have the key.
  std::uint32_t max_positions(std::uint32_t of_family) const {
    const auto at = joined(model_, positions_key);
    if (const auto* own = whole_ ? get(positions_key) : nullptr) return positions(*own, at);
    if (const auto* models = config_.locate(at)) return positions(*models, at);
    if (of_family == 0) config_.missing(at);
    return of_family;
  }
  // The model's own key comes before that of the rope parameters; without either, the maximum.
  std::uint32_t original_positions(std::uint32_t max_of_family) const {
    constexpr std::string_view name = "original_max_position_embeddings";
    const auto* models = nested_ ? nullptr : of_model(name);
    if (models) return positions(*models, joined(model_, name));
    if (const auto* own = get(name)) return positions(*own, key(name));
    return max_positions(max_of_family);
  }

  double theta(double of_family) const {
    constexpr std::string_view name = "rope_theta";
    if (const auto* own = get(name)) return positive(*own, key(name));
    if (const auto* models = of_model(name)) return positive(*models, joined(model_, name));
    return of_family > 0 ? of_family : 10000.0;
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

  // The rotary dimensions of a head; 0: all.
  std::uint32_t dim(std::uint32_t given) const {
    constexpr std::string_view name = "partial_rotary_factor";
    const auto* own = get(name);
    const auto* value = own ? own : of_model(name);
    if (!value || (!own && value->is_null())) return given;
    const auto at = own ? key(name) : joined(model_, name);
    const auto part = positive(*value, at);
    const auto head = head_dim(given);
    const auto turning = part * head;
    if (part > 1 || turning < 2 || static_cast<std::uint32_t>(turning) % 2 != 0)
      refuse(at, "does not rotate a whole number of pairs of " + std::to_string(head));
    if (part == 1) return given;
    return static_cast<std::uint32_t>(turning);
  }

  void fill_dynamic(strata_op_rope& out) const {
    out.factor = positive("factor");
    out.max_positions = max_positions(out.max_positions);
  }

  void fill_llama3(strata_op_rope& out) const {
    out.factor = positive("factor");
    out.original_positions = original_positions(out.max_positions);
    out.low_freq_factor = positive("low_freq_factor");
    out.high_freq_factor = positive("high_freq_factor");
  }

  // The factor's own key, or the ratio of the model's length to its original one.
  double factor_or_ratio(const strata_op_rope& out) const {
    if (has("factor")) return positive("factor");
    return static_cast<double>(max_positions(out.max_positions)) / out.original_positions;
  }

  void fill_yarn(strata_op_rope& out) const {
    out.original_positions = original_positions(out.max_positions);
    if (!get("factor")) config_.missing(key("factor"));
    out.factor = factor_or_ratio(out);
    const double none = 0, fast = 32, slow = 1;
    const auto mscale = not_negative("mscale", none);
    const auto all = not_negative("mscale_all_dim", none);
    const auto computed = mscale != 0 && all != 0
                              ? yarn_scale(out.factor, mscale) / yarn_scale(out.factor, all)
                              : yarn_scale(out.factor, 1);
    out.attention_factor = not_negative("attention_factor", computed);
    out.beta_fast = not_negative("beta_fast", fast);
    out.beta_slow = not_negative("beta_slow", slow);
    if (out.beta_fast == 0) out.beta_fast = fast;
    if (out.beta_slow == 0) out.beta_slow = slow;
    const auto* truncated = get("truncate");
    out.truncate = !truncated || !(truncated->is_null() || asks_nothing(*truncated)) ? 1 : 0;
  }

  double not_negative(std::string_view name, double fallback) const {
    if (!has(name)) return fallback;
    const auto value = number(*get(name), key(name));
    if (!std::isfinite(value) || value < 0) refuse(key(name), "is not a number from 0 on");
    return value;
  }

  void fill_longrope(strata_op_rope& out) const {
    const auto of_family = out.max_positions;
    out.original_positions = original_positions(of_family);
    out.max_positions = max_positions(of_family);
    out.factor = factor_or_ratio(out);
    const auto computed =
        out.factor <= 1 ? 1.0
                        : std::sqrt(1 + std::log(out.factor) / std::log(out.original_positions));
    out.attention_factor = not_negative("attention_factor", computed);
    const auto pairs = (out.dim > 0 ? out.dim : head_dim(0)) / 2;
    out.short_factors = factors("short_factor", pairs);
    out.long_factors = factors("long_factor", pairs);
    out.factors = pairs;
  }

  const double* factors(std::string_view name, std::uint32_t pairs) const {
    const auto path = key(name);
    const auto* list = get(name);
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

  static constexpr std::string_view positions_key = "max_position_embeddings";

  const Config& config_;
  std::string model_, object_;
  std::optional<Json> whole_;  // rope parameters that the caller gave
  bool nested_ = false;        // the parameters are those of a kind of layer
  const Json* parameters_ = nullptr;
};

void Config::rope(std::string_view path, strata_op_rope& inout) const {
  // Reads into a whole struct, then gives as much of it as the caller's version has.
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
