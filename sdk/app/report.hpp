// The report of a run, as --json gives it.
#pragma once
#include <nlohmann/json.hpp>

#include "app/open_session.hpp"
#include "core/run/generation.hpp"
#include "core/zero/simulate.hpp"

namespace strata::app {

// The parts of the plan that the report still needs once the session owns it.
struct Asked {
  run::Wish wish;
  uint64_t host_bytes = 0;   // the planned maximum of the process
  std::vector<bool> locked;  // for each tier: whether its memory is page-locked
};
Asked asked_of(const Planned& planned);

// How weights were quantized while the model was opened.
nlohmann::json quant_report(const run::Quantized& quantized);

// The library that moves a group's data, and the calls and bytes of each of its collectives.
nlohmann::json collectives_report(const device::Collective& collective);

nlohmann::json report(const run::Session& session, const Plugins& plugins, const Asked& asked);
// The same with the measurements of a generation.
nlohmann::json report(run::Session& session, const Plugins& plugins, const Asked& asked,
                      const run::GenerateResult& result);
// The report of `strata plan`, without a run. `machine` is a file with measured rates in bytes and
// operations a second, {"disk": x, "link": x, "memory": x, "compute": x}; if empty, rates are
// assumed. A plan of several ranks is reported as each has it; "ranks" has what they hold together,
// and the bytes that each gets from the others.
// `decode` becomes the predicted timeline of two passes of one token a sequence.
nlohmann::json plan_report(const run::Model& model, const Planned& planned,
                           const std::string& machine, zero::Timeline& decode);

}  // namespace strata::app
