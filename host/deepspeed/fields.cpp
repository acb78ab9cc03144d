#include "host/deepspeed/fields.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace strata::deepspeed {
namespace {

using enum Type;
using enum Use;

constexpr auto by_budget = "the plan follows --device-memory and --host-memory";
constexpr auto by_plan = "every copy is planned ahead, and units are fetched whole";
constexpr auto of_training = "of training";
constexpr auto of_gradients = "of reducing gradients";
constexpr auto of_logs = "of DeepSpeed's log";
constexpr auto of_optimizer = "of the optimizer's state";
constexpr auto no_files = "nothing is written: weights are read from the checkpoint's own files";
constexpr auto dtypes =
    "fp16|bf16|fp32|float16|bfloat16|float32|half|float|torch.float16|torch.bfloat16|torch.float32";
constexpr auto of_scaling = "of scaling the loss in float16";
constexpr auto by_unit_gradients = "the gradients of a unit lie together and are reduced whole";
constexpr auto by_units = "kept inputs lie where the plan has room";

constexpr std::array table{
    Field{"train_batch_size", integer, "", trained, "the product of the two below", true, {}, 1},
    Field{"train_micro_batch_size_per_gpu", integer, "", trained, "--batch-size", true, {}, 1},
    Field{"gradient_accumulation_steps",
          integer,
          "",
          trained,
          "--gradient-accumulation-steps",
          true,
          {},
          1},
    Field{"gradient_clipping", number, "0.0", trained, "--clip", true},
    Field{"steps_per_print", number, "", trained, "--log-interval", true},
    Field{"wall_clock_breakdown", flag, "false", trained, "train.wall_clock_breakdown"},
    Field{"memory_breakdown", flag, "false", ignored, of_logs},
    Field{"dump_state", flag, "false", ignored, of_logs},
    Field{"prescale_gradients", flag, "false", recorded, of_gradients},
    Field{"gradient_predivide_factor", number, "1.0", recorded, of_gradients},
    Field{"managed_gradient_accumulation", flag, "true", recorded, of_gradients},
    Field{"gradient_allreduce_op", text, "\"mean\"", recorded, of_gradients, false, "mean|sum"},
    Field{"communication_data_type", text, "", trained, "--reduce-dtype", false, "fp16|bf16|fp32"},
    Field{"seq_parallel_communication_data_type", text, "\"fp32\"", ignored,
          "sequences are not cut over ranks", false, "fp16|bf16|fp32"},
    Field{"data_types.grad_accum_dtype", text, "", trained, "--reduce-dtype", false, dtypes},
    Field{"data_types.param_dtype", text, "", recorded, of_training, false, dtypes},
    Field{"data_types.buffer_dtype", text, "", recorded, of_training, false, dtypes},
    Field{"data_types.keep_in_fp32_modules", list, "", recorded, of_training, true},
    Field{"torch_autocast.enabled", flag, "false", recorded, of_training},
    Field{"torch_autocast.dtype", text, "", recorded, of_training},
    Field{"torch_autocast.lower_precision_safe_modules", list, "", recorded, of_training},
    Field{"vocabulary_size", integer, "", ignored, "the model's configuration says it"},
    Field{"disable_python_gc", flag, "false", ignored, "there is no Python"},
    Field{"log_level", text, "", ignored, of_logs},
    Field{"disable_allgather", flag, "false", ignored, by_plan},
    Field{"zero_allow_untested_optimizer", flag, "false", recorded, of_optimizer},
    Field{"zero_force_ds_cpu_optimizer", flag, "true", recorded, of_optimizer},
    Field{"dataloader_drop_last", flag, "false", recorded, of_training},
    Field{"optimizer", object, "", trained, "--optimizer and its numbers"},
    Field{"scheduler", object, "", trained, "--schedule and its numbers"},
    Field{"activation_checkpointing.partition_activations", flag, "false", recorded, by_units},
    Field{"activation_checkpointing.cpu_checkpointing", flag, "false", recorded, by_units},
    Field{"activation_checkpointing.contiguous_memory_optimization", flag, "false", recorded,
          by_units},
    Field{"activation_checkpointing.number_checkpoints", integer, "", recorded, by_units},
    Field{"activation_checkpointing.synchronize_checkpoint_boundary", flag, "false", recorded,
          by_units},
    Field{"activation_checkpointing.profile", flag, "false", recorded, by_units},
    Field{"checkpoint", object, "", recorded, of_training},
    Field{"hybrid_engine", object, "", ignored, "generating and training share one engine"},
    Field{"tensorboard", object, "", trained, "--tensorboard"},
    Field{"wandb", object, "", ignored, of_logs},
    Field{"csv_monitor", object, "", ignored, of_logs},
    Field{"comms_logger", object, "", ignored, of_logs},
    Field{"flops_profiler", object, "", ignored, of_logs},
    Field{"autotuning", object, "", ignored, by_budget},
    Field{"compile", object, "", ignored, "nothing is compiled while it runs"},
    Field{"data_efficiency", object, "", ignored, of_training},
    Field{"pipeline", object, "", ignored, "layers are not cut over ranks"},
    Field{"tensor_parallel", object, "", ignored, "matrices are not cut over ranks"},
    Field{"expert_parallel", object, "", ignored, "experts are not spread over ranks"},
    Field{"use_data_before_expert_parallelism", flag, "false", ignored,
          "experts are not spread over ranks"},
    Field{"monitor_config", object, "", ignored, of_logs},
    Field{"comet", object, "", ignored, of_logs},
    Field{"timers", object, "", ignored, of_logs},
    Field{"datastates_ckpt", object, "", ignored, of_training},

    Field{"fp16.enabled", flag, "\"auto\"", applied, "--dtype", true},
    Field{"fp16.auto_cast", flag, "false", ignored, "inputs are token ids"},
    Field{"fp16.loss_scale", number, "0", trained, of_scaling},
    Field{"fp16.initial_scale_power", integer, "16", trained, of_scaling, false, {}, 0, 127},
    Field{"fp16.loss_scale_window", integer, "1000", trained, of_scaling},
    Field{"fp16.hysteresis", integer, "2", trained, of_scaling},
    Field{"fp16.consecutive_hysteresis", flag, "false", trained, of_scaling},
    Field{"fp16.min_loss_scale", integer, "1", trained, of_scaling},
    Field{"fp16.fp16_master_weights_and_grads", flag, "false", recorded, of_optimizer},
    Field{"bf16.enabled", flag, "\"auto\"", applied, "--dtype", true},
    Field{"bf16.immediate_grad_update", flag, "false", recorded, of_gradients},
    Field{"bf16.check_grad_overflow", flag, "true", trained, "--on-nan"},
    Field{"bf16.bf16_master_weights_and_grads", flag, "false", recorded, of_optimizer},
    Field{"bf16.bf16_optimizer_states", flag, "false", recorded, of_optimizer},

    Field{"zero_optimization.stage",
          integer,
          "0",
          applied,
          "weights are streamed as in stage 3, whatever the stage",
          false,
          {},
          0,
          3},
    Field{"zero_optimization.contiguous_gradients", flag, "true", ignored, by_unit_gradients},
    Field{"zero_optimization.reduce_scatter", flag, "true", ignored, by_unit_gradients},
    Field{"zero_optimization.reduce_bucket_size", integer, "5e8", ignored, by_unit_gradients, true},
    Field{"zero_optimization.allgather_bucket_size", integer, "5e8", ignored, by_plan, true},
    Field{"zero_optimization.allgather_partitions", flag, "true", ignored, by_plan},
    Field{"zero_optimization.overlap_comm", flag, "", ignored, "copies always overlap computing"},
    Field{"zero_optimization.sub_group_size", integer, "1e9", ignored,
          "the weights are updated unit by unit"},
    Field{"zero_optimization.stage3_prefetch_bucket_size", integer, "5e7", ignored, by_budget,
          true},
    Field{"zero_optimization.stage3_param_persistence_threshold", integer, "1e5", applied,
          "run.whole_below", true},
    Field{"zero_optimization.stage3_model_persistence_threshold", integer, "9223372036854775807",
          ignored, by_budget},
    Field{"zero_optimization.stage3_max_live_parameters", integer, "1e9", ignored, by_budget},
    Field{"zero_optimization.stage3_max_reuse_distance", integer, "1e9", ignored, by_budget},
    Field{"zero_optimization.stage3_gather_16bit_weights_on_model_save", flag, "false", recorded,
          of_training},
    Field{"zero_optimization.stage3_module_granularity_threshold", integer, "0", ignored, by_plan},
    Field{"zero_optimization.stage3_use_all_reduce_for_fetch_params", flag, "false", ignored,
          by_plan},
    Field{"zero_optimization.zero_hpz_partition_size", integer, "1", ignored,
          "shards lie over all ranks, without a second copy on each machine"},
    Field{"zero_optimization.zero_quantized_weights", flag, "false", ignored,
          "shards are gathered as they are stored"},
    Field{"zero_optimization.zero_quantized_gradients", flag, "false", ignored,
          "gradients are reduced in the dtype of --reduce-dtype"},
    Field{"zero_optimization.zero_quantized_nontrainable_weights", flag, "false", ignored,
          "weights are held as they are stored"},
    Field{"zero_optimization.use_multi_rank_bucket_allreduce", flag, "true", recorded,
          of_gradients},
    Field{"zero_optimization.compute_grad_norm", flag, "true", recorded, of_gradients},
    Field{"zero_optimization.stage3_allgather_sequential", flag, "false", ignored, by_plan},
    Field{"zero_optimization.parameter_alignment", flag, "false", ignored, by_plan},
    Field{"zero_optimization.pipeline_loading_checkpoint", flag, "false", ignored, by_plan},
    Field{"zero_optimization.override_module_apply", flag, "true", ignored,
          "there are no modules of PyTorch"},
    Field{"zero_optimization.log_trace_cache_warnings", flag, "false", ignored, of_logs},
    Field{"zero_optimization.enable_sanity_checks", flag, "false", ignored, by_plan},
    Field{"zero_optimization.save_muon_momentum_buffer_in_memory", flag, "false", recorded,
          of_optimizer},
    Field{"zero_optimization.zenflow", object, "", recorded, of_optimizer},
    Field{"zero_optimization.memory_efficient_linear", flag, "true", ignored, by_plan},
    Field{"zero_optimization.round_robin_gradients", flag, "false", recorded, of_gradients},
    Field{"zero_optimization.ignore_unused_parameters", flag, "true", recorded, of_gradients},
    Field{"zero_optimization.load_from_fp32_weights", flag, "true", recorded, of_optimizer},
    Field{"zero_optimization.elastic_checkpoint", flag, "false", ignored, of_training},
    Field{"zero_optimization.leaf_module.classes", list, "[]", trained, "--leaf-module"},
    Field{"zero_optimization.leaf_module.names", list, "[]", trained, "--leaf-module"},
    Field{"zero_optimization.leaf_module.name_suffixes", list, "[]", trained, "--leaf-module"},

    Field{"zero_optimization.offload_param.device", text, "\"none\"", applied, "--offload", false,
          "none|cpu|nvme"},
    Field{"zero_optimization.offload_param.nvme_path", text, "", applied, "--offload-dir"},
    Field{"zero_optimization.offload_param.pin_memory", flag, "true", applied,
          "with device cpu: page-locked memory"},
    Field{"zero_optimization.offload_param.buffer_count", integer, "5", ignored, by_budget},
    Field{"zero_optimization.offload_param.buffer_size", integer, "1e8", ignored, by_budget},
    Field{"zero_optimization.offload_param.max_in_cpu", integer, "1e9", ignored, by_budget},
    Field{"zero_optimization.offload_optimizer.device", text, "\"none\"", trained, of_optimizer,
          false, "none|cpu|nvme"},
    Field{"zero_optimization.offload_optimizer.nvme_path", text, "", trained, of_optimizer},
    Field{"zero_optimization.offload_optimizer.buffer_count", integer, "4", recorded, of_optimizer},
    Field{"zero_optimization.offload_optimizer.pin_memory", flag, "true", trained, of_optimizer},
    Field{"zero_optimization.offload_optimizer.pipeline_read", flag, "false", recorded,
          of_optimizer},
    Field{"zero_optimization.offload_optimizer.pipeline_write", flag, "false", recorded,
          of_optimizer},
    Field{"zero_optimization.offload_optimizer.fast_init", flag, "false", recorded, of_optimizer},
    Field{"zero_optimization.offload_optimizer.ratio",
          number,
          "1.0",
          trained,
          of_optimizer,
          false,
          {},
          0,
          1},
    Field{"zero_optimization.offload_optimizer.super_offload", flag, "false", trained,
          of_optimizer},
    Field{"zero_optimization.offload_optimizer.cpuadam_cores_perc",
          number,
          "0.8",
          trained,
          of_optimizer,
          false,
          {},
          0,
          1},

    Field{
        "aio.block_size", integer, "1048576", applied, "bytes of one read: max_io", false, {}, 512},
    Field{"aio.queue_depth", integer, "8", applied, "queue_depth", false, {}, 1},
    Field{"aio.intra_op_parallelism", integer, "1", applied, "threads", false, {}, 1},
    Field{"aio.single_submit", flag, "false", ignored, no_files},
    Field{"aio.overlap_events", flag, "true", ignored, "reads always overlap"},
    Field{"aio.use_gds", flag, "false", ignored, "reads go through page-locked host memory"},
};

constexpr auto removed = "DeepSpeed has removed it; leave it out";

constexpr std::array replaced_table{
    Replaced{"bfloat16", "bf16", ""},
    Replaced{"aio.thread_count", "aio.intra_op_parallelism", ""},
    Replaced{"zero_optimization.prefetch_bucket_size",
             "zero_optimization.stage3_prefetch_bucket_size", ""},
    Replaced{"zero_optimization.param_persistence_threshold",
             "zero_optimization.stage3_param_persistence_threshold", ""},
    Replaced{"zero_optimization.model_persistence_threshold",
             "zero_optimization.stage3_model_persistence_threshold", ""},
    Replaced{"zero_optimization.max_live_parameters",
             "zero_optimization.stage3_max_live_parameters", ""},
    Replaced{"zero_optimization.max_reuse_distance", "zero_optimization.stage3_max_reuse_distance",
             ""},
    Replaced{"zero_optimization.module_granularity_threshold",
             "zero_optimization.stage3_module_granularity_threshold", ""},
    Replaced{"zero_optimization.use_all_reduce_for_fetch_params",
             "zero_optimization.stage3_use_all_reduce_for_fetch_params", ""},
    Replaced{"zero_optimization.gather_16bit_weights_on_model_save",
             "zero_optimization.stage3_gather_16bit_weights_on_model_save", ""},
    Replaced{"zero_optimization.stage3_gather_fp16_weights_on_model_save",
             "zero_optimization.stage3_gather_16bit_weights_on_model_save", ""},
    Replaced{"zero_optimization.cpu_offload", "", R"(use offload_optimizer: {"device": "cpu"})"},
    Replaced{"zero_optimization.cpu_offload_param", "", R"(use offload_param: {"device": "cpu"})"},
    Replaced{"zero_optimization.cpu_offload_use_pin_memory", "",
             "use pin_memory of offload_param and offload_optimizer"},
    Replaced{"zero_optimization.legacy_stage1", "", "leave it out"},
    Replaced{"fp16.fused_mode", "", "leave it out"},
    Replaced{"amp", "", R"(use bf16: {"enabled": true})"},
    Replaced{"zero_optimization.allgather_sequential",
             "zero_optimization.stage3_allgather_sequential", ""},
    Replaced{"seq_parallel_comm_data_type", "seq_parallel_communication_data_type", ""},
    Replaced{"nebula", "", removed},
    Replaced{"compression_training", "", removed},
    Replaced{"elasticity", "", removed},
    Replaced{"eigenvalue", "", removed},
    Replaced{"sparse_attention", "", removed},
    Replaced{"graph_harvesting", "", removed},
    Replaced{"curriculum_learning", "", removed},
    Replaced{"progressive_layer_drop", "", removed},
    Replaced{"sparse_gradients", "", removed},
    Replaced{"zero_optimization.mics_shard_size", "", removed},
    Replaced{"zero_optimization.mics_hierarchical_params_gather", "", removed},
    Replaced{"zero_optimization.zeropp_loco_param", "", removed},
    Replaced{"allgather_size", "zero_optimization.allgather_bucket_size", ""},
};

}  // namespace

std::span<const Field> fields() { return table; }

const Field* find_field(std::string_view path) {
  const auto at = std::ranges::find(table, path, &Field::path);
  return at == table.end() ? nullptr : &*at;
}

bool is_section(std::string_view path) {
  return std::ranges::any_of(table, [&](const Field& field) {
    return field.path.size() > path.size() && field.path.starts_with(path) &&
           field.path[path.size()] == '.';
  });
}

std::vector<std::string> known_paths() {
  std::set<std::string> out;
  for (const auto& field : table) {
    const auto path = field.path;
    for (auto dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1))
      out.emplace(path.substr(0, dot));
    out.emplace(path);
  }
  return {out.begin(), out.end()};
}

const Replaced* find_replaced(std::string_view path) {
  const auto at = std::ranges::find(replaced_table, path, &Replaced::path);
  return at == replaced_table.end() ? nullptr : &*at;
}

}  // namespace strata::deepspeed
