#include "app/finetune/common_state.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "app/finetune/lora.hpp"
#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "data/digest.hpp"

namespace strata::app {
namespace {

constexpr auto model_key = "--model", config_key = "the configuration", seed_key = "--init-seed",
               quant_key = "--quant", data_key = "--data", rank_key = "--lora",
               steps_key = "--gradient-accumulation-steps";

// Adds a few bytes of each tensor: a checkpoint of adapters has none of the model's weights, and
// belongs to these alone.
void add_samples(data::Digest& digest, const source::Checkpoint& checkpoint) {
  for (const auto& tensor : checkpoint.tensors()) {
    if (!tensor.pieces.empty()) continue;
    const auto& all = tensor.stored.file();
    if (checkpoint.is_made(all)) continue;
    std::array<std::byte, 32> bytes{};
    const auto count = std::min<std::uint64_t>(all.bytes, bytes.size());
    for (const auto at : {std::uint64_t{0}, (all.bytes - count) / 2, all.bytes - count}) {
      const auto part = std::span(bytes).first(static_cast<std::size_t>(count));
      checkpoint.files()[all.file]->read(all.offset + at, part);
      digest.add({reinterpret_cast<const char*>(part.data()), part.size()});
    }
  }
}

Json model_state(const run::Model& model, const train::TrainingPlan& plan) {
  data::Digest config, weights;
  config.add(model.checkpoint->config());
  for (std::size_t u = 0; u < std::min<std::size_t>(plan.units.size(), plan.product_unit); ++u) {
    const auto& unit = plan.units[u];
    weights.add_text(unit.name);
    for (const auto& weight : unit.weights) {
      weights.add_text(weight.name);
      for (const auto size : weight.shape) weights.add(static_cast<std::uint64_t>(size));
    }
  }
  if (plan.is_frozen()) add_samples(weights, *model.checkpoint);
  return {{"config_sha256", config.hex()}, {"weights_sha256", weights.hex()}};
}

Json data_state(const TrainingData& data) {
  auto files = Json::array();
  for (const auto& file : data.loaded.files) files.push_back(file.sha256);
  Json out{{"rows_sha256", data.loaded.rows.sha256()}, {"files_sha256", files}};
  if (data.has_pairs()) out["rejected_sha256"] = data.rejected.sha256();
  return out;
}

std::string dtype_text(strata_dtype dtype) {
  return (dtype.code == STRATA_BFLOAT ? "bfloat" : "float") + std::to_string(dtype.bits);
}

std::string words_of(const Json& value) {
  return printable(value.is_string() ? value.get_ref<const std::string&>()
                                     : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// The keys of the configuration, each with the text of its JSON: a checkpoint's state has neither
// the depth nor the infinite numbers that a configuration may have.
Json texts_of(const Json& config) {
  auto out = Json::object();
  for (const auto& [key, value] : config.items())
    out[key] = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return out;
}

// Names the first key of the configuration in effect that differs: of the file, or of the options
// that replace its keys.
void need_configuration(const Json& saved, const Json& own, const std::string& in) {
  const auto in_text = [](const Json& config, const std::string& key) {
    const auto at = config.find(key);
    return at == config.end() ? "absent" : words_of(*at);
  };
  auto all = saved.is_object() ? saved : Json::object();
  all.update(own);
  for (const auto& [key, value] : all.items())
    if (!saved.contains(key) || !own.contains(key) || saved.at(key) != own.at(key))
      throw UsageError(model_key,
                       "its configuration has " + printable(key) + " = " + in_text(own, key) +
                           " here, " + in_text(saved, key) + in,
                       "give the checkpoint's, with its --dropout and [config], or begin a run in "
                       "another --output");
}

}  // namespace

Json common_state(const FinetuneOptions& options, const run::Model& model, const TrainingData& data,
                  const train::TrainingRequest& request, const train::TrainingPlan& plan) {
  const auto& own = options.warmup_schedule;
  const auto& scaling = options.loss_scaling;
  const auto& lora = options.lora;
  Json out{
      {model_key, model_state(model, plan)},
      {config_key, texts_of(model.config->root())},
      {seed_key, options.init_seed < 0 ? Json("none") : Json(options.init_seed)},
      {data_key, data_state(data)},
      {"--dataset-percentage", options.dataset_percentage},
      {"--validation", data.validation.rows.size() > 0 ? 0 : options.validation_fraction},
      {"--max-length", options.max_length},
      {"--packing", options.packing},
      {"--shuffle", options.shuffle},
      {"--seed", options.seed},
      {"--batch-size", options.batch_size},
      // Ranks share the micro-batches of a step among them, and their number changes no result.
      {steps_key, options.gradient_accumulation_steps * request.ranks},
      {"--num-train-epochs", options.num_train_epochs},
      {"--max-steps", options.max_steps},
      {"--optimizer", options.optimizer},
      {"--lr", options.lr},
      {"--betas", options.betas},
      {"--eps", options.eps},
      {"--weight-decay", options.weight_decay},
      {"--clip", options.clip},
      {"--label-smoothing", options.label_smoothing},
      {"--schedule", options.schedule},
      {"--warmup", options.warmup},
      {rank_key, lora.rank},
      {"--lora-alpha", lora_alpha(lora)},
      {"--lora-dropout", lora.dropout},
      {"--lora-targets", lora.targets},
      {"--lora-target-parameters", lora.target_parameters},
      {"--lora-rslora", lora.rslora},
      {"--storage-dtype", options.storage_dtype},
      {"--dtype", dtype_text(request.dtype)},
      {"--reduce-dtype", dtype_text(request.reduce)}};
  out["the schedule's numbers"] = {own.type,   own.num_steps, own.total_steps,  own.min_lr,
                                   own.max_lr, own.min_ratio, own.cos_min_ratio};
  if (model.quantized) out[quant_key] = model.quantized->rules;
  if (data.has_pairs()) out["--num-padding-at-beginning"] = options.num_padding_at_beginning;
  out["the loss scaling"] = {scaling.scale,      scaling.initial_power,          scaling.window,
                             scaling.hysteresis, scaling.consecutive_hysteresis, scaling.min_scale};
  return out;
}

void need_common(const Json& saved, const Json& own, const std::string& path) {
  const auto in = " in " + printable(path);
  const auto need = [&](const std::string& key, const std::string& words) {
    if (!saved.contains(key))
      throw UsageError(key, "it is unknown" + in, "resume with the Strata that wrote it");
    if (saved.at(key) != own.at(key))
      throw UsageError(
          key,
          words.empty() ? words_of(own.at(key)) + " here, " + words_of(saved.at(key)) + in : words,
          "give the checkpoint's, or begin a run in another --output");
  };
  // These first, as other differences follow from them: a run of adapters knows samples of the
  // model's weights.
  need(rank_key, "");
  // Checkpoints of plain weights do not have it.
  const auto quant_of = [](const Json& state) { return state.value(quant_key, "none"); };
  if (quant_of(saved) != quant_of(own))
    throw UsageError(
        quant_key, printable(quant_of(own)) + " here, " + printable(quant_of(saved)) + in,
        std::string(saved.contains(quant_key) ? "give the checkpoint's" : "leave it out") +
            ", or begin a run in another --output");
  if (saved.contains(config_key)) need_configuration(saved.at(config_key), own.at(config_key), in);
  need(seed_key, "");
  need(model_key, "the model is not the one" + in);
  need(data_key, "the rows are not those" + in);
  if (saved.contains(steps_key) && own.contains(steps_key))
    need(steps_key, "times the ranks it is " + words_of(own.at(steps_key)) + " here, " +
                        words_of(saved.at(steps_key)) + in);
  for (const auto& [key, value] : own.items()) need(key, "");
}

}  // namespace strata::app
