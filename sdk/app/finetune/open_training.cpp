#include "app/finetune/open_training.hpp"

#include <algorithm>
#include <thread>

#include "app/choices.hpp"
#include "app/codecs.hpp"
#include "app/compute_library.hpp"
#include "app/finetune/lora.hpp"
#include "app/finetune/storage.hpp"
#include "app/finetune/training_tiers.hpp"
#include "app/ranks.hpp"
#include "core/device/cpu_device.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

strata_dtype compute_dtype(const RunOptions& run) {
  return dtype_named("--dtype", run.dtype == "auto" ? "bfloat16" : run.dtype);
}

// The share of a GPU's memory that a run may take; the rest is left to other programs.
std::uint64_t usable(std::uint64_t bytes) { return bytes / 10 * 9; }

// The threads that update weights.
std::uint32_t update_threads(const RunOptions& run, const FinetuneOptions& options) {
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  const auto all = run.threads > 0 ? std::min<std::int64_t>(run.threads, cores) : cores;
  if (options.optimizer_cores <= 0) return static_cast<std::uint32_t>(all);
  return std::max(1u,
                  static_cast<std::uint32_t>(static_cast<double>(all) * options.optimizer_cores));
}

train::Rule rule_named(const std::string& name) {
  if (name == "adamw" || name == "adam") return train::Rule::adam;
  if (name == "adamw8bit") return train::Rule::adam8;
  if (name == "adafactor") return train::Rule::adafactor;
  throw UsageError("--optimizer", "'" + printable(name) + "' is no optimizer",
                   "use adamw, adam, adamw8bit or adafactor");
}

train::OptimizerSettings optimizer_settings(const FinetuneOptions& options) {
  return {.beta1 = options.betas[0],
          .beta2 = options.betas[1],
          .eps = options.eps,
          .weight_decay = options.weight_decay,
          .decoupled = options.optimizer != "adam",
          .seed = static_cast<std::uint64_t>(options.seed),
          .clip = options.clip};
}

// The coefficient of the routers' loss, which counts where the configuration asks for the routers'
// logits. Families without such a loss have no coefficient.
double router_coefficient(const source::Config& config) {
  if (!config.flag("output_router_logits|text_config.output_router_logits", false)) return 0;
  const double none = 0;
  return config.f64("router_aux_loss_coef|text_config.router_aux_loss_coef", &none);
}

// The part of the parameters whose states lie on the device, which updates them.
double device_share(const FinetuneOptions& options, train::Rule rule) {
  const bool all = options.offload_optimizer == "device";
  if (all && options.offload_optimizer_ratio < 1)
    throw UsageError("offload_optimizer_ratio",
                     "--offload-optimizer device puts the states of all units on the device",
                     "leave out one of the two");
  // Adapters' states are small, and stay on the host.
  if (options.lora.rank > 0 && !all) return 0;
  const double share = all ? 1 : 1 - options.offload_optimizer_ratio;
  if (share <= 0) return 0;
  const auto* option = all ? "--offload-optimizer device" : "offload_optimizer_ratio";
  if (options.lora.rank > 0)
    throw UsageError(option, "states of adapters are on the host", "leave it out");
  if (rule != train::Rule::adam)
    throw UsageError(option, "the device updates no weights by " + options.optimizer,
                     "use --optimizer adamw or adam, or leave the states on the host");
  if (options.storage_dtype != "float32")
    throw UsageError(option, "the device updates float32 weights, not " + options.storage_dtype,
                     "leave --storage-dtype out, or leave the states on the host");
  return share;
}

nlohmann::json states_extras(const RunOptions& run, const FinetuneOptions& options) {
  auto own = run;
  if (!options.offload_optimizer_dirs.empty()) own.offload_dirs = options.offload_optimizer_dirs;
  return tier_extras(own);
}

}  // namespace

strata_dtype dtype_named(const std::string& option, const std::string& name) {
  if (name == "float32") return {STRATA_FLOAT, 32, 1};
  if (name == "bfloat16") return {STRATA_BFLOAT, 16, 1};
  if (name == "float16") return {STRATA_FLOAT, 16, 1};
  throw UsageError(option, "'" + printable(name) + "' is no dtype",
                   "use float32, bfloat16 or float16");
}

PlannedTraining plan_training(const RunOptions& given, const FinetuneOptions& options,
                              const run::Model& model, const StepSize& size, Plugins& plugins,
                              run::Group* group) {
  const auto run = placed(given, group);
  PlannedTraining out;
  const auto cuda = run.device == "cpu" ? CudaMemory{} : cuda_memory(run.gpu);
  out.cuda = choose_cuda(run, cuda);
  auto& request = out.request;
  request.rule = rule_named(options.optimizer);
  request.device_share = device_share(options, request.rule);
  request.dtype = compute_dtype(run);
  request.reduce = dtype_named("--reduce-dtype", options.reduce_dtype);
  request.storage = storage_dtype(run, options);
  request.sequences = size.sequences;
  request.tokens = size.tokens;
  request.longest = size.longest;
  request.micro_batches = size.micro_batches;
  request.products = lora_products(options.lora, model);
  if (group) {
    request.rank = group->ranks().rank;
    request.ranks = group->ranks().ranks;
    request.group_of_one = request.ranks == 1;
  }
  request.whole_below = static_cast<std::uint64_t>(run.whole_below);
  request.device_memory = run.device_memory;
  request.keep_graphs = !options.activation_checkpointing;
  request.separate_device = out.cuda;
  request.codec = codecs_of(plugins);
  request.library_bytes = out.cuda ? cuda_library_bytes : 0;
  if (out.cuda && !request.device_memory)
    request.device_memory =
        usable(group ? range_over(group->control(), cuda.total).least : cuda.total);
  request.fill_device = out.cuda || run.device_memory.has_value();
  // The scaler of the loss must know of all gradients, as clipping must.
  const bool scaled = request.dtype.code == STRATA_FLOAT && request.dtype.bits == 16;
  request.early_updates = options.clip == 0 && !scaled;
  out.attention =
      &choose_attention(run, plugins, attention_requests(model, request.dtype, out.cuda));
  need_results(*out.attention);
  plugins.use(*out.attention);
  request.attention_bytes = bytes_of(*plugins.table<strata_attention>(*out.attention),
                                     out.attention->manifest.name, plugins.host());
  for (const auto& tiers : training_tiers(run, options, request.rule, plugins)) {
    out.weights = tiers.weights;
    out.states = tiers.states;
    request.weights_in_files = tiers.weights_in_files;
    request.states_in_files = tiers.states_in_files;
    out.plan = train::prepare_training(model, request);
    out.host = host_need(out.plan, request);
    if (group) out.host.host_memory = range_over(group->control(), out.host.host_memory).largest;
    if (!run.host_memory || out.host.host_memory <= *run.host_memory) break;
  }
  for (const auto* one : {out.weights, out.states}) plugins.use(*one);
  need_host_memory(run.host_memory, out.host, model.path);
  return out;
}

std::unique_ptr<train::Training> open_training(const RunOptions& given,
                                               const FinetuneOptions& options,
                                               const run::Model& model, PlannedTraining planned,
                                               Plugins& plugins, const LoadProgress& progress,
                                               const std::shared_ptr<run::Group>& group) {
  const auto run = placed(given, group.get());
  train::TrainingParts parts;
  parts.model = &model;
  parts.optimizer = optimizer_settings(options);
  parts.threads = update_threads(run, options);
  parts.weights = plugins.open_tier(*planned.weights, tier_extras(run));
  parts.states = plugins.open_tier(*planned.states, states_extras(run, options));
  const auto& reader = file_reader(plugins);
  plugins.use(reader);
  parts.files = plugins.open_tier(reader, tier_extras(run));
  parts.trainer.compute = compute_options(run, model, *planned.attention, planned.cuda, plugins);
  parts.trainer.compute.dtype = planned.request.dtype;
  parts.trainer.reduce = planned.request.reduce;
  parts.trainer.deterministic = options.deterministic;
  // The routers' loss belongs to language models.
  parts.trainer.router_coefficient = model.critic() ? 0 : router_coefficient(*model.config);
  parts.trainer.loss_rows = planned.request.loss_rows;
  parts.trainer.products = planned.request.products;
  parts.seed = static_cast<std::uint64_t>(options.seed);
  parts.request = planned.request;
  parts.plan = std::move(planned.plan);
  // Weights that are read from files arrive in page-locked memory.
  parts.page_locked = planned.weights->manifest.page_locked || planned.request.weights_in_files;
  parts.trace = run.timeline || !options.html.empty() || !options.trace.empty();
  parts.open_compute = open_compute;
  parts.open_trainer = open_trainer;
  parts.open_device = [cuda = planned.cuda,
                       gpu = run.gpu](uint32_t events) -> std::unique_ptr<device::Device> {
    if (cuda) return open_cuda_device(events, gpu);
    return std::make_unique<device::CpuDevice>(events);
  };
  if (planned.cuda) parts.open_kernels = open_cuda_kernels;
  if (group) {
    parts.collective = &group->data();
    parts.progress = [group](uint64_t step, uint32_t unit) { group->progress(step, unit); };
  }
  return std::make_unique<train::Training>(std::move(parts), progress);
}

}  // namespace strata::app
