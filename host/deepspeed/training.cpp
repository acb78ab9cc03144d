#include "host/deepspeed/training.hpp"

#include <string>
#include <utility>

#include "core/error.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/deepspeed/batch.hpp"
#include "host/deepspeed/blocks.hpp"
#include "host/deepspeed/lax_values.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

bool is_on(const json& flag) { return flag.is_boolean() && flag.get<bool>(); }

// The flag `enabled` of a block that is an object; false without it.
bool is_enabled(const DsConfig& config, const char* block) {
  const auto value = config.value(block);
  return value.is_object() && value.contains("enabled") &&
         is_on(converted(Type::flag, value["enabled"], true));
}

// Keys that change what is learned, and that training does not have.
void refuse_unlike(const DsConfig& config) {
  const auto refuse = [&](const std::string& key, const char* what, const char* remedy) {
    throw UsageError(config.name(), key + ": " + what, remedy);
  };
  constexpr auto leave = "leave it out";
  for (const auto* key : {"fp16.fp16_master_weights_and_grads", "bf16.bf16_optimizer_states"})
    if (is_on(config.value(key)))
      refuse(key, "weights, gradients and moments are summed in float32", "leave it out");
  constexpr auto masters = "bf16.bf16_master_weights_and_grads";
  if (is_on(config.value(masters)))
    refuse(masters, "updates of weights in bfloat16 are rounded stochastically, not to nearest",
           "leave it out, and give --storage-dtype bfloat16");
  if (is_on(config.value("torch_autocast.enabled")))
    refuse("torch_autocast.enabled", "operations are not cast one by one",
           "enable bf16, or give --dtype bfloat16");
  if (config.given("zero_optimization.zenflow"))
    refuse("zero_optimization.zenflow", "every weight is updated in every step", leave);
  if (is_enabled(config, "data_efficiency"))
    refuse("data_efficiency", "rows are not sampled by difficulty", leave);
  if (config.value("gradient_allreduce_op") == "sum")
    refuse("gradient_allreduce_op", "gradients are averaged, as in stage 3", leave);
  if (is_on(config.value("dataloader_drop_last")))
    refuse("dataloader_drop_last", "the last rows are trained too", leave);
  for (const auto* block : {"wandb", "comet"})
    if (is_enabled(config, block))
      refuse(block, "nothing is sent to a service",
             "leave it out, and give --log FILE.jsonl or --tensorboard DIR");
}

std::string dtype_of(const json& name) {
  const auto text = name.get<std::string>();
  const auto has = [&](const char* part) { return text.find(part) != std::string::npos; };
  if (has("bf16") || has("bfloat16")) return "bfloat16";
  return has("fp16") || has("float16") || has("half") ? "float16" : "float32";
}

void add_precision(const DsConfig& config, Semantics semantics, const Given& given, json& train) {
  // DeepSpeed has float32 master weights in any precision, so that --storage-dtype stays float32.
  if (!given.dtype) train["reduce_dtype"] = precision_of(config, semantics).reduce;
  for (const auto* key : {"communication_data_type", "data_types.grad_accum_dtype"})
    if (const auto reduce = config.value(key); reduce.is_string()) {
      train["reduce_dtype"] = dtype_of(reduce);
      break;
    }
  if (config.given("bf16.check_grad_overflow"))
    train["on_nan"] = is_on(config.value("bf16.check_grad_overflow")) ? "skip" : "stop";
}

// A fixed scale makes the other numbers meaningless, so that only a scale that follows the
// overflows refuses them, as in DeepSpeed.
void add_loss_scaling(const DsConfig& config, json& train) {
  if (config.given("fp16.loss_scale")) train["loss_scale"] = config.value("fp16.loss_scale");
  if (config.value("fp16.loss_scale") > 0) return;
  for (const auto* key : {"loss_scale_window", "hysteresis", "min_loss_scale"}) {
    const auto path = std::string("fp16.") + key;
    if (config.value(path) < 1)
      throw UsageError(config.name(), path + ": " + config.value(path).dump() + " is out of range",
                       "give at least 1");
    if (config.given(path)) train[key] = config.value(path);
  }
  for (const auto* key : {"initial_scale_power", "consecutive_hysteresis"})
    if (const auto path = std::string("fp16.") + key; config.given(path))
      train[key] = config.value(path);
}

void add_offload(const DsConfig& config, json& train) {
  const std::string block = "zero_optimization.offload_optimizer.";
  const auto device = config.value(block + "device").get<std::string>();
  if (device == "none") return;
  const bool memory = device == "cpu";
  train["offload_optimizer"] =
      memory && is_on(config.value(block + "pin_memory")) ? "pinned" : device;
  if (const auto folder = config.value(block + "nvme_path"); !memory && folder.is_string())
    train["offload_optimizer_dir"] = json::array({folder});
  if (config.given(block + "ratio"))
    train["offload_optimizer_ratio"] = config.value(block + "ratio");
  if (is_on(config.value(block + "super_offload")))
    train["optimizer_cores"] = config.value(block + "cpuadam_cores_perc");
}

void add_leaf_modules(const DsConfig& config, json& train) {
  auto names = json::array();
  for (const auto* key : {"classes", "names", "name_suffixes"}) {
    const auto path = std::string("zero_optimization.leaf_module.") + key;
    for (const auto& name : config.value(path)) {
      if (!name.is_string())
        throw UsageError(config.name(), path + ": an entry is no text", "give names of modules");
      names.push_back(name);
    }
  }
  if (!names.empty()) train["leaf_module"] = names;
}

void add_logs(const DsConfig& config, json& train) {
  if (const auto steps = config.value("steps_per_print");
      steps.is_number() && steps >= 1 && steps <= 1e12)
    train["log_interval"] = static_cast<std::int64_t>(steps.get<double>());
  if (config.given("wall_clock_breakdown"))
    train["wall_clock_breakdown"] = config.value("wall_clock_breakdown");
  if (!is_enabled(config, "tensorboard")) return;
  const auto block = config.value("tensorboard");
  const auto text = [&](const char* key, const char* fallback) -> std::string {
    const auto at = block.find(key);
    if (at == block.end() || at->is_null() || *at == "auto") return fallback;
    if (!at->is_string())
      throw UsageError(config.name(), std::string("tensorboard.") + key + ": is no text", "fix it");
    return at->get<std::string>();
  };
  auto folder = text("output_path", "");
  if (!folder.empty() && !folder.ends_with('/')) folder += '/';
  train["tensorboard"] = folder + text("job_name", "DeepSpeedJobName");
}

}  // namespace

json training_settings_of(const DsConfig& config, Semantics semantics, const Given& given) {
  auto out = settings_of(config, semantics, given.dtype, given.ranks);
  refuse_unlike(config);
  auto& train = out["train"] = json::object();
  const auto batch = batch_of(config, given.ranks, given.micro, given.accumulation);
  train["batch_size"] = batch.micro;
  train["gradient_accumulation_steps"] = batch.accumulation;
  if (config.value("gradient_clipping").is_number())
    train["clip"] = config.value("gradient_clipping");
  add_optimizer(config, train);
  add_schedule(config, train);
  add_precision(config, semantics, given, train);
  add_loss_scaling(config, train);
  add_offload(config, train);
  add_leaf_modules(config, train);
  add_logs(config, train);
  return out;
}

}  // namespace strata::deepspeed
