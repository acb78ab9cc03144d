#include "host/deepspeed/apply.hpp"

#include "core/error.hpp"
#include "host/deepspeed/batch.hpp"
#include "host/deepspeed/weight_quantization.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

constexpr std::string_view zero = "zero_optimization.";
// The keys of one line; longer lines of the log are cut.
constexpr std::size_t longest_list = 160;

std::string zero_key(std::string_view key) { return std::string(zero).append(key); }

std::optional<bool> flag_of(const DsConfig& config, const char* path) {
  const auto value = config.value(path);
  return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

// The value that the training frameworks substitute for "auto".
json automatic(const std::string& path, std::int64_t hidden, const Batch& batch) {
  if (path == "train_batch_size") return batch.train;
  if (path == "train_micro_batch_size_per_gpu") return batch.micro;
  if (path == "gradient_accumulation_steps") return batch.accumulation;
  if (hidden < 1 || hidden > (1 << 30)) return "auto";
  const auto square = static_cast<double>(hidden) * static_cast<double>(hidden);
  if (path == zero_key("reduce_bucket_size")) return static_cast<std::int64_t>(square);
  if (path == zero_key("stage3_prefetch_bucket_size"))
    return static_cast<std::int64_t>(0.9 * square);
  if (path == zero_key("stage3_param_persistence_threshold")) return 10 * hidden;
  return "auto";
}

// The size below which a parameter is whole on every rank; here it is that of a unit.
void add_threshold(const DsConfig& config, json& run) {
  const auto key = zero_key("stage3_param_persistence_threshold");
  if (const auto* value = config.given(key) ? config.number(key) : nullptr)
    run["whole_below"] = *value;
}

json listed(const std::vector<DsConfig::Remark>& remarks) {
  auto out = json::array();
  for (const auto& one : remarks) out.push_back({{"key", one.key}, {"words", one.words}});
  return out;
}

}  // namespace

Precision precision_of(const DsConfig& config, Semantics semantics, const std::string& given) {
  auto out = given.empty()
                 ? deepspeed_precision(flag_of(config, "bf16.enabled"),
                                       flag_of(config, "fp16.enabled"), semantics, config.name())
                 : Precision{given, given, given};
  const auto reduce = config.value("communication_data_type");
  if (reduce.is_string())
    out.reduce = reduce == "fp16" ? "float16" : reduce == "bf16" ? "bfloat16" : "float32";
  return out;
}

json settings_of(const DsConfig& config, Semantics semantics, bool dtype_given,
                 std::int64_t ranks) {
  json out{{"run", json::object()}};
  if (!dtype_given) out["run"]["dtype"] = precision_of(config, semantics).compute;
  batch_of(config, ranks);
  add_threshold(config, out["run"]);
  if (config.given(weight_quantization))
    out["run"].update(quant_settings(config.value(weight_quantization), config.name()));
  const auto device = config.value(zero_key("offload_param.device")).get<std::string>();
  if (device == "none") return out;
  const bool memory = device == "cpu";
  auto& run = out["run"];
  run["offload"] =
      memory && config.value(zero_key("offload_param.pin_memory")).get<bool>() ? "pinned" : device;
  if (memory) return out;
  const auto folder = config.value(zero_key("offload_param.nvme_path"));
  if (folder.is_string()) run["offload_dir"] = json::array({folder});
  auto& options = out["offload"][device] = json::object();
  for (const auto& [path, option] : {std::pair{"aio.block_size", "max_io"},
                                     {"aio.queue_depth", "queue_depth"},
                                     {"aio.intra_op_parallelism", "threads"}})
    if (config.given(path)) options[option] = config.value(path);
  return out;
}

std::vector<std::string> warnings(const DsConfig& config) {
  std::vector<std::string> out;
  const auto say = [&](const std::string& words) { out.push_back(config.name() + ": " + words); };
  const auto stage = config.value(zero_key("stage")).get<std::int64_t>();
  if (stage < 3) say("stage " + std::to_string(stage) + " runs as stage 3: weights are streamed");
  for (const auto& one : config.replaced()) say(one.key + " is an old name: " + one.words);
  for (const auto& one : config.unknown()) say(one.key + " is unknown and ignored: " + one.words);
  std::string ignored;
  const auto say_ignored = [&] {
    if (!ignored.empty()) say("ignored, `plan --json` says why: " + ignored);
    ignored.clear();
  };
  for (const auto& one : config.ignored()) {
    if (ignored.size() + one.key.size() > longest_list) say_ignored();
    ignored += (ignored.empty() ? "" : ", ") + one.key;
  }
  say_ignored();
  return out;
}

json report(const DsConfig& config, Semantics semantics, std::int64_t hidden_size,
            const std::string& dtype, std::int64_t ranks) {
  const auto batch = batch_of(config, ranks);
  const auto precision = precision_of(config, semantics, dtype);
  json understood = json::object(), ignored = json::array(), defaults = json::object();
  const auto settled = [&](const std::string& path) {
    auto value = config.value(path);
    return value == "auto" ? automatic(path, hidden_size, batch) : value;
  };
  for (const auto& path : config.understood()) understood[path] = settled(path);
  for (const auto& [path, words] : config.ignored())
    ignored.push_back({{"key", path}, {"value", settled(path)}, {"words", words}});
  for (const auto& field : fields())
    if (!field.fallback.empty() && !config.given(field.path))
      defaults[std::string(field.path)] = config.value(field.path);
  return {{"understood", understood},
          {"defaults", defaults},
          {"ignored", ignored},
          {"replaced", listed(config.replaced())},
          {"unknown", listed(config.unknown())},
          {"stage", 3},
          {"precision",
           {{"storage", precision.storage},
            {"compute", precision.compute},
            {"reduce", precision.reduce}}},
          {"batch",
           {{"train_batch_size", batch.train},
            {"train_micro_batch_size_per_gpu", batch.micro},
            {"gradient_accumulation_steps", batch.accumulation}}}};
}

}  // namespace strata::deepspeed
