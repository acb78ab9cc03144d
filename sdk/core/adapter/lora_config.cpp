#include "core/adapter/lora_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::adapter {
namespace {

constexpr auto correct = "correct adapter_config.json";
constexpr auto merge = "merge it into its base model with peft's merge_and_unload";
constexpr std::int64_t most_rank = 1 << 20;

// Keys that do not change what an adapter computes once it is trained.
constexpr std::array idle{"auto_mapping",
                          "base_model_name_or_path",
                          "bias",
                          "corda_config",
                          "eva_config",
                          "ensure_weight_tying",
                          "fan_in_fan_out",
                          "inference_mode",
                          "init_lora_weights",
                          "lora_dropout",
                          "lora_ga_config",
                          "loftq_config",
                          "megatron_config",
                          "megatron_core",
                          "peft_type",
                          "peft_version",
                          "qalora_group_size",
                          "revision",
                          "runtime_config",
                          "task_type",
                          "velora_config"};
// Keys that are read here.
constexpr std::array read{"r",
                          "lora_alpha",
                          "use_rslora",
                          "rank_pattern",
                          "alpha_pattern",
                          "target_modules",
                          "exclude_modules",
                          "layers_pattern",
                          "target_parameters",
                          "modules_to_save",
                          "layers_to_transform"};

bool nothing(const OrderedJson& value) {
  return value.is_null() || value == false || value == "" || value == 0 ||
         (value.is_structured() && value.empty());
}

class Reader {
 public:
  Reader(const OrderedJson& config, const std::string& who) : config_(config), who_(who) {}

  [[noreturn]] void refuse(const std::string& what, std::string_view remedy = correct) const {
    throw Error(who_, what, remedy);
  }
  const OrderedJson* find(const char* key) const {
    const auto at = config_.find(key);
    return at == config_.end() || at->is_null() ? nullptr : &*at;
  }
  std::string text(const char* key) const {
    const auto* value = find(key);
    if (value && !value->is_string()) refuse(std::string(key) + " is no text");
    return value ? value->get<std::string>() : "";
  }
  bool flag(const char* key) const {
    const auto* value = find(key);
    if (value && !value->is_boolean()) refuse(std::string(key) + " is neither true nor false");
    return value && value->get<bool>();
  }
  std::int64_t rank(const OrderedJson& value, const std::string& key) const {
    const bool whole =
        value.is_number_integer() ||
        (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
    const double number = value.is_number() ? value.get<double>() : 0;
    if (!whole || number < 1 || number > static_cast<double>(most_rank))
      refuse(key + " is no rank from 1 to " + std::to_string(most_rank));
    return static_cast<std::int64_t>(number);
  }
  double alpha(const OrderedJson& value, const std::string& key) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(key + " is no number");
    return value.get<double>();
  }
  template <class Value, class Read>
  std::vector<std::pair<Pattern, Value>> rules(const char* key, Read value_of) const {
    std::vector<std::pair<Pattern, Value>> out;
    const auto* all = find(key);
    if (!all) return out;
    if (!all->is_object()) refuse(std::string(key) + " is no object of patterns");
    for (const auto& [pattern, value] : all->items()) {
      std::string behind_words = "(.*\\.)?(";
      behind_words.append(pattern).append(")$");
      auto of = printable(pattern, 60);
      of.insert(0, " of '").insert(0, key).append("'");
      out.emplace_back(Pattern(behind_words, who_ + ": " + key, correct), value_of(value, of));
    }
    return out;
  }

  // Refuses other methods, and variants of LoRA that compute something else.
  void check_method() const {
    const auto type = text("peft_type");
    if (type.empty()) refuse("names no peft_type");
    if (type != "LORA")
      refuse("peft_type is " + printable(type, 40) + ": adapters of LORA alone are read", merge);
    if (const auto bias = text("bias"); !bias.empty() && bias != "none")
      refuse("bias is '" + printable(bias, 40) + "': trained biases are not read", merge);
    const auto* begun = find("init_lora_weights");
    if (begun && begun->is_string())
      for (const auto* changed : {"pissa", "olora", "corda", "loftq", "lora_ga"})
        if (begun->get<std::string>().starts_with(changed))
          refuse("init_lora_weights is '" + printable(begun->get<std::string>(), 40) +
                     "', which changed the base model's weights too",
                 "save it with peft's path_initial_model_for_weight_conversion");
    for (const auto& [key, value] : config_.items()) {
      const auto same = [&key = key](const char* other) { return key == other; };
      if (std::ranges::any_of(idle, same) || std::ranges::any_of(read, same) || nothing(value))
        continue;
      refuse("asks for '" + printable(key, 60) + "', which is not plain LoRA", merge);
    }
  }

 private:
  const OrderedJson& config_;
  const std::string& who_;
};

}  // namespace

LoraConfig LoraConfig::parse(std::string_view text, const std::string& who) {
  const auto config = parse_ordered_json(text, who, {.last_counts = true, .remedy = correct});
  if (!config.is_object()) throw Error(who, "is no JSON object", correct);
  const Reader reader(config, who);
  reader.check_method();
  LoraConfig out;
  out.base = reader.text("base_model_name_or_path");
  if (const auto* value = reader.find("r")) out.rank = reader.rank(*value, "r");
  if (const auto* value = reader.find("lora_alpha")) out.alpha = reader.alpha(*value, "lora_alpha");
  out.rslora = reader.flag("use_rslora");
  out.ties = reader.flag("ensure_weight_tying");
  out.ranks = reader.rules<std::int64_t>(
      "rank_pattern", [&](const auto& value, const auto& key) { return reader.rank(value, key); });
  out.alphas = reader.rules<double>("alpha_pattern", [&](const auto& value, const auto& key) {
    return reader.alpha(value, key);
  });
  out.targets = Targets::of(config, who);
  return out;
}

std::int64_t LoraConfig::rank_of(std::string_view name, Effort& effort) const {
  for (const auto& [pattern, other] : ranks)
    if (pattern.begins(name, effort)) return other;
  return rank;
}

double LoraConfig::scale_of(std::string_view name, Effort& effort) const {
  auto over = alpha;
  for (const auto& [pattern, other] : alphas)
    if (pattern.begins(name, effort)) {
      over = other;
      break;
    }
  const auto r = static_cast<double>(rank_of(name, effort));
  return over / (rslora ? std::sqrt(r) : r);
}

}  // namespace strata::adapter
