#include "app/finetune.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/earlier_file.hpp"
#include "app/finetune/alive.hpp"
#include "app/finetune/applied_rates.hpp"
#include "app/finetune/checkpoints.hpp"
#include "app/finetune/common_state.hpp"
#include "app/finetune/leaf_modules.hpp"
#include "app/finetune/lora.hpp"
#include "app/finetune/open_trained_model.hpp"
#include "app/finetune/output_lock.hpp"
#include "app/finetune/room.hpp"
#include "app/finetune/run.hpp"
#include "app/finetune/run_bound.hpp"
#include "app/finetune/run_ranks.hpp"
#include "app/finetune/save_adapter.hpp"
#include "app/finetune/save_model.hpp"
#include "app/finetune/storage.hpp"
#include "app/finetune/training_report.hpp"
#include "app/output_place.hpp"
#include "app/quantize/rules.hpp"
#include "app/report.hpp"
#include "app/trace.hpp"
#include "app/training_log/page.hpp"
#include "app/training_log/record_json.hpp"
#include "core/error.hpp"
#include "core/size_text.hpp"

namespace strata::app {
namespace {

// Says where the parts of the training lie.
std::string memory_line(const PlannedTraining& planned) {
  const auto& host = planned.host;
  auto line = "weights: " + size_text(host.weights) + " in " + planned.weights->manifest.name +
              "; states of the optimizer: " + size_text(host.states) + " in " +
              planned.states->manifest.name + "; gradients: " + size_text(host.gradients) +
              " in host memory";
  if (const auto share = planned.plan.device_states; share > 0)
    line += "; states and gradients on the device: " + size_text(share) + ", of " +
            std::to_string(std::ranges::count(planned.plan.states_on_device, true)) + " of " +
            std::to_string(planned.plan.units.size()) + " units";
  if (host.inputs > 0)
    line += "; kept inputs: " + size_text(host.inputs) +
            " in host memory, as they do not fit into the device's";
  if (planned.plan.keeps_graphs)
    line += "; activations of all units: " + size_text(planned.plan.activation_bytes) +
            " at most, on the device";
  if (const auto ranks = planned.request.ranks; ranks > 1)
    line += "; so on each of " + std::to_string(ranks) + " ranks";
  return line;
}

// Quantized weights stay as they are: adapters are trained beside them.
void refuse_quantized(const ModelOptions& model, const FinetuneOptions& options) {
  if (!QuantRules(model.quant).any()) return;
  const auto* option = model.quant.rules.empty() ? "--quant" : "--quant-rule";
  if (options.lora.rank == 0)
    throw UsageError(option, "quantized weights are not trained",
                     "train adapters beside them with --lora RANK, or leave it out");
  if (options.lora.merge)
    throw UsageError(option, "--lora-merge would write quantized weights as dense ones",
                     "leave it out, and merge into the model as it was with `strata import MODEL "
                     "--adapter DIR`");
  if (options.init_seed >= 0 || options.resize_embeddings > 0)
    throw UsageError(option, "not with --init-seed or --resize-embeddings",
                     "give a model whose weights are stored as they are to be used");
}

// Refuses what does not exist yet by its name, before anything is read.
void refuse_missing(const ModelOptions& model, const RunOptions& run,
                    const FinetuneOptions& options, bool ranks) {
  if (ranks && options.reduce_dtype == "float16")
    throw UsageError("--reduce-dtype float16", "ranks add gradients in float32 or bfloat16",
                     "give one of them");
  if (run.offload == "device")
    throw UsageError("--offload device", "weights alone do not stay on the device",
                     "use --offload-optimizer device, which keeps them there with their states");
  storage_dtype(run, options);
  if (!run.adapter.empty())
    throw UsageError("--adapter", "an adapter's weights are not trained yet",
                     "train what `strata import MODEL --adapter DIR --output NEW` makes of both");
  refuse_quantized(model, options);
  if (model.critic && (options.packing || options.score_padding || options.label_smoothing > 0))
    throw UsageError("--critic", "not with --packing, --score-padding or --label-smoothing",
                     "a reward model compares whole answers");
}

OrderedJson result_of(const training_log::TrainingLog& log, const FinetuneOptions& options,
                      const train::Training& training, const Plugins& plugins) {
  OrderedJson out;
  out["steps"] = OrderedJson::array();
  for (const auto& step : log.records().steps) out["steps"].push_back(json_of(step));
  out["validation"] = OrderedJson::array();
  for (const auto& one : log.records().validations) out["validation"].push_back(json_of(one));
  out["output"] = options.output;
  auto& report = out["report"];
  report["plugins"] = OrderedJson::parse(plugins.report().dump());
  const auto& plan = training.plan();
  report["load_s"] = training.load_seconds();
  report["moved"]["load"] = training.loaded();
  const auto moved = training.moved();
  report["moved"]["to_device"] = moved.to_device;
  report["moved"]["to_host"] = moved.to_host;
  report["peak"]["device"]["planned"] = plan.device_bytes;
  report["peak"]["arena"]["bytes"] = plan.arena_bytes;
  report["device"]["states"] = plan.device_states;
  if (const auto* collective = training.collective())
    report["collectives"] = OrderedJson::parse(collectives_report(*collective).dump());
  const auto bytes = training.host().bytes();
  report["host"]["weights"] = bytes.weights;
  report["host"]["gradients"] = plan.gradient_bytes;
  report["host"]["states"] = bytes.states;
  report["host"]["inputs"] = plan.stored_inputs;
  report["files"]["weights"] = bytes.file_weights;
  report["files"]["states"] = bytes.file_states;
  return out;
}

// Says why the run has no result, what was kept of it and what to do.
void describe_end(RunEnd end, const std::string& partly, const std::string& newest,
                  FinetuneResult& out) {
  out.status = 1;
  if (end == RunEnd::untrained) {
    out.fact =
        "every step was skipped, since a loss or gradient was no number; no model is written";
    out.remedy = "check the model's weights, lower --lr, or give another --dtype";
    return;
  }
  if (end == RunEnd::invalid) {
    out.fact = "the last validation loss is no number; no model is written";
    out.remedy = "the last checkpoint is " + printable(newest) +
                 ": check the rows of --validation, or begin again with a lower --lr";
    return;
  }
  if (partly.empty()) {
    out.fact = "a loss or a gradient is no number";
    out.remedy = "a checkpoint holds the step before it: lower --lr, or give --on-nan skip";
    return;
  }
  out.fact = "a gradient is no number, and " + partly;
  out.remedy = (newest.empty() ? std::string("there is no checkpoint")
                               : "the last whole checkpoint is " + printable(newest)) +
               ": lower --lr, or give --clip, which waits for all gradients";
}

// Returns when all ranks are here.
void meet(run::Group* group) {
  if (group) group->control().all_gather("here");
}

// Compares the ranks, before they load weights.
void require_same_training(run::Group& group, std::vector<Fact> facts, const Plugins& plugins) {
  for (auto& one : facts_of(plugins)) facts.push_back(std::move(one));
  require_same(group.control(), facts);
}

// Does the work; a failure is told to all ranks before anything here waits for them.
template <class Work>
auto told(run::Group* group, const Work& work) {
  try {
    return work();
  } catch (const std::exception& e) {
    if (group) group->fail(e.what());
    throw;
  }
}

// The reports of all ranks in one.
OrderedJson of_all(run::Group* group, OrderedJson own) {
  if (!group) return own;
  std::vector<OrderedJson> out;
  for (const auto& text :
       group->control().all_gather(own.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)))
    out.push_back(OrderedJson::parse(text));
  return joined_training_report(out);
}

}  // namespace

FinetuneResult finetune(const ModelOptions& model_options, const RunOptions& run,
                        const FinetuneOptions& given, Plugins& plugins,
                        const FinetuneEvents& events, const FinetuneRanks& ranks) {
  auto* group = ranks.group.get();
  const auto options = own_options(given, group);
  refuse_missing(model_options, run, options, group != nullptr);
  if (options.wall_clock_breakdown && options.trace.empty() && events.say)
    events.say("wall_clock_breakdown: --trace FILE has the time of every action");
  if (options.offload_optimizer_ratio < 1 && options.lora.rank > 0 && events.say)
    events.say("offload_optimizer_ratio: states of adapters are on the host");
  // Where one rank resumes and another does not, they would wait for each other.
  if (group) require_same(group->control(), {{"--resume", options.resume, true}});
  const bool writes = !group || group->ranks().rank == 0;
  std::optional<OutputLock> lock;
  if (writes) lock.emplace(options.output, plugins.log());
  check_output(options, group);
  need_own_files({{"--log", options.log}, {"--html", options.html}, {"--trace", options.trace}});
  need_earlier_file("--html", options.html, training_log::page_beginning);
  need_trace_place(options.trace);
  need_file_place(options.html);
  need_file_place(options.trace);
  const auto resumed = find_resumed(options, group);
  const auto model = open_trained_model(model_options, run, options, plugins, events.quantizing);
  if (writes && options.lora.rank > 0 && !options.lora.merge &&
      !model_options.config_overrides.empty())
    plugins.log().line(STRATA_WARN,
                       "[config]: the adapter's files have no configuration of the model: give the "
                       "same keys wherever the adapter is used");
  if (ranks.check) ranks.check(model, plugins);
  need_applied_rates(*model.config);
  check_leaf_modules(options.leaf_modules, model, plugins, events);
  const auto data = open_training_data(model, options, plugins, events);
  auto planned =
      plan_training(run, options, model, step_size(data, options, group ? group->ranks().ranks : 1),
                    plugins, group);
  if (writes) need_room(options, model, planned.plan);
  const RunBound bound(options, planned.cuda);
  if (events.say) events.say(memory_line(planned));
  const auto rounded = rounding_words(planned.plan, planned.request);
  if (events.say && !rounded.empty()) events.say(rounded);
  auto common = common_state(options, model, data, planned.request, planned.plan);
  std::optional<int64_t> behind;  // this step
  if (resumed) {
    need_common(resumed->state.common, common, resumed->path);
    behind = static_cast<int64_t>(resumed->state.run.step);
  }
  if (group)
    require_same_training(*group, facts_of(options, data, planned, common, behind), plugins);
  if (planned.plan.is_frozen() && events.say) events.say(lora_words(planned.plan));
  training_log::TrainingLog log(
      {.jsonl = options.log, .tensorboard = options.tensorboard, .html = options.html}, behind,
      [&](const std::string& words) { plugins.log().line(STRATA_WARN, words); });
  const auto training =
      open_training(run, options, model, std::move(planned), plugins, events.loading, ranks.group);
  // Weights and states on disk have taken their room by now, perhaps on the same one.
  if (writes) need_room(options, training->model(), training->plan());
  Checkpoints checkpoints(options, *training, std::move(common), group);
  TrainingRun loop(options, data, *training, log, checkpoints, events, group);
  if (resumed) {
    checkpoints.restore(*resumed);
    loop.set(resumed->state.run);
  }
  if (events.say) events.say(bound.planned(*training));
  meet(group);  // a rank that loads for long is none that makes no progress
  if (events.begin) events.begin();
  const auto end = told(group, [&] { return loop.run(); });
  const auto measured = bound.measured(*training, loop.times());
  if (events.say && !measured.empty()) events.say(measured);
  auto json = result_of(log, options, *training, plugins);
  if (model.quantized)
    json["report"]["quant"] = OrderedJson::parse(quant_report(*model.quantized).dump());
  json["report"]["skipped_steps"] = loop.skipped();
  json["report"]["bound"] = bound.json(*training, loop.times());
  json["report"]["peak"]["device"]["bytes"] = training->plan().arena_bytes + training->held().peak;
  if (!ranks.cores.is_null()) json["report"]["cores"] = ranks.cores;
  const Alive alive(group, loop.done());
  // A model that is not trained to the end is a checkpoint alone.
  told(group, [&] {
    if (end == RunEnd::trained && options.lora.rank > 0)
      save_adapter(*training, options, plugins, group);
    else if (end == RunEnd::trained)
      save_model(*training, options, plugins, group);
  });
  FinetuneResult out;
  if (end != RunEnd::trained && end != RunEnd::asked)
    describe_end(end, loop.partly(), checkpoints.newest(), out);
  write_report(options, *training, log, {bound.planned(*training), measured, loop.skipped_words()});
  write_trace(options.trace, std::vector(training->trace().begin(), training->trace().end()),
              training->plan().units);
  json["report"] = of_all(group, std::move(json["report"]));
  out.json = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  return out;
}

}  // namespace strata::app
