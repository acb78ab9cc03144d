// The report of a run, as --json gives it.
#pragma once
#include <nlohmann/json.hpp>

#include "core/run/generation.hpp"
#include "host/running/open_session.hpp"

namespace strata::host {

nlohmann::json report(const run::Session& session, const Opened& plugins, const run::Wish& wish);
// The same with what generating took.
nlohmann::json report(run::Session& session, const Opened& plugins, const run::Wish& wish,
                      const run::GenerateResult& result);
// The plan alone: `strata plan`.
nlohmann::json plan_report(const run::Model& model, const Planned& planned);

}  // namespace strata::host
