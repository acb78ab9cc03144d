// The ranks that a command line asks for, beside those that a launcher has started.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/run/ranks.hpp"
#include "host/cli/option.hpp"

namespace strata::host {

// Whether this process starts `wanted` ranks; 0: the user named no number. Throws UsageError for a
// number that is not the launcher's.
bool starts_ranks(std::int64_t wanted, const run::Ranks& launched);

// The environment of a rank that this process starts: `own`, "NAME=value" each, without the
// variables of other launchers.
std::vector<std::string> environment_of(const std::vector<std::string>& own,
                                        const run::Ranks& ranks);

// The values of the options that must be equal on all ranks, by their names.
std::vector<std::pair<std::string, std::string>> shared_settings(const cli::Table& table);

}  // namespace strata::host
