// Opens a session from options: devices, tiers and budgets.
#pragma once
#include <memory>

#include "app/memory_plan.hpp"
#include "app/open_model.hpp"
#include "core/run/group.hpp"
#include "core/run/session.hpp"

namespace strata::app {

// The plan of a run before it takes memory: the offload plugins are chosen and opened.
struct Planned {
  run::Wish wish;
  run::Prepared prepared;
  bool cuda = false;
  HostMemory free;                                // free memory at the time of planning
  HostShare host;                                 // the run's share of it
  std::vector<const registry::Candidate*> tiers;  // one for each of wish.tiers, in order
  const registry::Candidate* attention = nullptr;
  std::shared_ptr<const adapter::Adapter> adapter;  // null: none
};

// The dtype to compute in. "auto" is the checkpoint's dtype on CUDA (bfloat16 if it comes
// quantized) and float32 on the CPU.
strata_dtype choose_dtype(const RunOptions& options, const run::Model& model, bool cuda);

// `model` and `plugins` outlive the result. With a group all of its ranks call it, and get the same
// plan for the same capacity or SharedError.
Planned plan_run(const RunOptions& options, const run::Model& model, const Capacity& capacity,
                 Plugins& plugins, run::Group* group = nullptr);

// The plan that each of so many ranks, all on this machine, would have; 0: one without a group. It
// is made without them and for rank 0; on GPUs the last rank's is the one that must be there.
Planned plan_rank(RunOptions options, const run::Model& model, const Capacity& capacity,
                  Plugins& plugins, uint32_t ranks);

// The parts that a session is made from: opened tiers and the chosen plugins that compute.
run::SessionParts session_parts(const RunOptions& options, const run::Model& model, Planned planned,
                                bool dummy, Plugins& plugins,
                                const std::shared_ptr<run::Group>& group = {});

// Allocates the memory and reads the weights; with `dummy` the weights are made up.
std::unique_ptr<run::Session> open_session(const RunOptions& options, const run::Model& model,
                                           Planned planned, bool dummy, Plugins& plugins,
                                           const LoadProgress& progress = {},
                                           const std::shared_ptr<run::Group>& group = {});

}  // namespace strata::app
