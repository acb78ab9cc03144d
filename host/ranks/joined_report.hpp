// One report of a run from those of its ranks.
#pragma once
#include <nlohmann/json.hpp>
#include <vector>

namespace strata::host {

// Rank 0's report with the times of the slowest rank and the rates and bytes of all of them
// together; "ranks" holds every rank's own. A single report is returned as it is.
nlohmann::json joined_report(const std::vector<nlohmann::json>& reports);

// The results of all ranks: the lists of each object one behind the other, and the joined report.
nlohmann::json joined_results(std::vector<nlohmann::json> results);

}  // namespace strata::host
