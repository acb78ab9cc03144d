// The results of strata generate in JSON, and as text where they come from several ranks.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/new_text.hpp"
#include "core/run/generation.hpp"

namespace strata::host {

// Without the report.
nlohmann::json json_of(const run::GenerateRequest& request, const run::GenerateResult& result,
                       const std::optional<app::NewText>& text);

// Prints these results of several ranks, in the order of the prompts.
void print_results(const nlohmann::json& results, bool has_text);

// The tokens of all prompts, those made, and those of the longest sequence.
struct Counts {
  std::int64_t prompts = 0, made = 0, longest = 0;
};
Counts counts_of(const nlohmann::json& results);

}  // namespace strata::host
