#include "host/deepspeed/blocks.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "host/deepspeed/block.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

// [Note: defaults of DeepSpeed's classes] A block that leaves a parameter out means the default of
// the class that DeepSpeed makes of it, and not this program's own. "auto" is filled in by
// frameworks over DeepSpeed from their own settings, and so it leaves the program's.
template <class T>
void set(json& train, const char* key, const Block& block, std::string_view parameter,
         const std::optional<T>& value, const T& fallback) {
  if (value)
    train[key] = *value;
  else if (!block.is_auto(parameter))
    train[key] = fallback;
}

void add_betas(const Block& block, json& train) {
  const auto* betas = block.value("betas");
  if (!betas) return;
  const auto fits = [](const json& beta) {
    return beta.is_number() && beta.get<double>() >= 0 && beta.get<double>() < 1;
  };
  if (!betas->is_array() || betas->size() != 2 || !fits((*betas)[0]) || !fits((*betas)[1]))
    block.refuse("betas", "two numbers from 0 to below 1 are expected", "write [0.9, 0.999]");
  train["betas"] = *betas;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void add_optimizer(const DsConfig& config, json& train) {
  const Block block(config, "optimizer");
  if (block.type().empty()) return;
  const auto type = lower(block.type());
  if (type != "adam" && type != "adamw")
    block.refuse_type("is not supported",
                      "give Adam or AdamW, or leave the block out and give --optimizer");
  if (block.has("max_grad_norm"))
    block.refuse("max_grad_norm", "clips nothing in DeepSpeed", "give gradient_clipping");
  block.allow({"lr", "betas", "eps", "weight_decay", "adam_w_mode", "torch_adam", "bias_correction",
               "amsgrad", "foreach", "fp32_optimizer_states"});
  const bool decoupled = type == "adamw" || block.flag("adam_w_mode", true);
  const bool torch = block.flag("torch_adam", false);
  if (!block.flag("bias_correction", true))
    block.refuse("bias_correction", "moments without correction are not supported", "leave it out");
  if (block.flag("amsgrad", false))
    block.refuse("amsgrad", "this variant is not supported", "leave it out");
  if (!block.flag("fp32_optimizer_states", true))
    block.refuse("fp32_optimizer_states", "moments are float32",
                 "leave it out, or give --optimizer adamw8bit");
  train["optimizer"] = decoupled ? "adamw" : "adam";
  set(train, "lr", block, "lr", block.number("lr", 0), 1e-3);
  set(train, "eps", block, "eps", block.number("eps", 0), 1e-8);
  set(train, "weight_decay", block, "weight_decay", block.number("weight_decay", 0),
      torch && decoupled ? 0.01 : 0.0);
  if (!block.has("betas")) train["betas"] = {0.9, 0.999};
  add_betas(block, train);
}

void add_schedule(const DsConfig& config, json& train) {
  const Block block(config, "scheduler");
  const auto& type = block.type();
  if (type.empty()) return;
  const bool constant = type == "WarmupLR", linear = type == "WarmupDecayLR",
             cosine = type == "WarmupCosineLR";
  constexpr auto remedy =
      "give WarmupLR, WarmupDecayLR or WarmupCosineLR, or leave the block out "
      "and give --schedule";
  if (!constant && !linear && !cosine) block.refuse_type("is not supported", remedy);
  if (constant) {
    block.allow({"warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "warmup_type",
                 "last_batch_iteration"});
  } else if (linear) {
    block.allow({"warmup_min_lr", "warmup_max_lr", "warmup_num_steps", "warmup_type",
                 "total_num_steps", "last_batch_iteration"});
  } else {
    block.allow({"warmup_min_ratio", "cos_min_ratio", "warmup_num_steps", "warmup_type",
                 "total_num_steps", "last_batch_iteration"});
  }
  if (block.integer("last_batch_iteration", -1).value_or(-1) != -1)
    block.refuse("last_batch_iteration", "a run begins at its first step",
                 "leave it out; --resume continues a run");
  train["schedule"] = type;
  set(train, "warmup_num_steps", block, "warmup_num_steps", block.integer("warmup_num_steps", 1),
      std::int64_t{1000});
  if (const auto* shape = block.value("warmup_type")) {
    if (*shape != "log" && *shape != "linear")
      block.refuse("warmup_type", "the value is unknown", "give log or linear");
    train["warmup_type"] = *shape;
  }
  if (cosine) {
    set(train, "warmup_min_ratio", block, "warmup_min_ratio", block.number("warmup_min_ratio", 0),
        0.0);
    set(train, "cos_min_ratio", block, "cos_min_ratio", block.number("cos_min_ratio", 0), 1e-4);
  } else {
    set(train, "warmup_min_lr", block, "warmup_min_lr", block.number("warmup_min_lr", 0), 0.0);
    // WarmupLR without a largest rate takes the optimizer's; WarmupDecayLR has a default.
    if (const auto most = block.number("warmup_max_lr", 0))
      train["warmup_max_lr"] = *most;
    else if (linear && !block.has("warmup_max_lr"))
      train["warmup_max_lr"] = 1e-3;
  }
  if (constant) return;
  if (const auto total = block.integer("total_num_steps", 1))
    train["total_num_steps"] = *total;
  else if (!block.is_auto("total_num_steps"))
    block.refuse("total_num_steps", "is missing", "give it, or \"auto\" for the steps of the run");
}

}  // namespace strata::deepspeed
