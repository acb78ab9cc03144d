// Prints in a few lines, for -v, the time and memory of a run.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "core/run/generation.hpp"
#include "host/process/stderr_log.hpp"

namespace strata::host {

// Logs the report of a run that made `new_tokens` after `prompt_tokens`, at level INFO.
void say_summary(const nlohmann::json& report, std::int64_t prompt_tokens, std::int64_t new_tokens,
                 const app::Log& log);

// Logs a session that is loaded: its weights, tiers and peak memory.
void say_loaded(const nlohmann::json& report, const app::Log& log);

// The line about one turn of a conversation.
std::string turn_text(std::int64_t prompt_tokens, std::size_t reused, std::int64_t new_tokens,
                      const run::GenerateResult& result);

}  // namespace strata::host
