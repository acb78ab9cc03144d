// The report of a run, as --json gives it.
#pragma once
#include <nlohmann/json.hpp>

#include "core/run/generation.hpp"
#include "core/zero/simulate.hpp"
#include "host/running/open_session.hpp"

namespace strata::host {

// What of a plan a report needs after the session took the plan.
struct Asked {
  run::Wish wish;
  uint64_t host_bytes = 0;   // the most that the process should hold
  std::vector<bool> locked;  // by tier: its memory is page-locked
};
Asked asked_of(const Planned& planned);

nlohmann::json report(const run::Session& session, const Opened& plugins, const Asked& asked);
// The same with what generating took.
nlohmann::json report(run::Session& session, const Opened& plugins, const Asked& asked,
                      const run::GenerateResult& result);
// The plan alone: `strata plan`. `machine`: a file with measured rates in bytes and operations a
// second,
// {"disk": x, "link": x, "memory": x, "compute": x}; empty: rates are assumed.
// `decode` becomes the predicted timeline of two passes of one token a sequence.
nlohmann::json plan_report(const run::Model& model, const Planned& planned,
                           const std::string& machine, zero::Timeline& decode);

}  // namespace strata::host
