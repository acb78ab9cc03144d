// From options to a session: devices, tiers and budgets.
#pragma once
#include <memory>

#include "core/run/session.hpp"
#include "host/running/memory_plan.hpp"
#include "host/running/open_model.hpp"
#include "host/running/run_options.hpp"

namespace strata::host {

// What a command needs room for.
struct Room {
  uint32_t sequences = 1;
  int64_t tokens = 0;  // of one sequence at most, new ones included
  int64_t prompt = 1;  // of all prompts together
  bool all_logits = false;
};

// What will be done, before memory is taken: the offload plugins are chosen and opened.
struct Planned {
  run::Wish wish;
  run::Prepared prepared;
  bool cuda = false;
  HostMemory free;                                // when it was planned
  HostShare host;                                 // what the run will hold of it
  std::vector<const registry::Candidate*> tiers;  // of wish.tiers, in order
  const registry::Candidate* attention = nullptr;
};

// "auto": the checkpoint's dtype on CUDA (bfloat16 where it is quantized), float32 on the CPU.
strata_dtype choose_dtype(const RunOptions& options, const run::Model& model, bool cuda);

// `model` and `plugins` outlive the result.
Planned plan_run(const RunOptions& options, const run::Model& model, const Room& room,
                 Opened& plugins);

// What a session is made from: the tiers opened, the plugins that compute chosen.
run::SessionParts session_parts(const RunOptions& options, const run::Model& model, Planned planned,
                                bool dummy, Opened& plugins);

// Takes the memory and reads the weights; `dummy`: numbers made up in their place.
std::unique_ptr<run::Session> open_session(const RunOptions& options, const run::Model& model,
                                           Planned planned, bool dummy, Opened& plugins);

}  // namespace strata::host
