#include "host/commands/summary.hpp"

#include <strata/abi/core.h>

#include <algorithm>
#include <cstdio>

#include "core/size_text.hpp"

namespace strata::host {
namespace {

std::string number(double value, const char* format) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string rate(std::int64_t tokens, double seconds) {
  return std::to_string(tokens) + " tokens in " + number(seconds, "%.3g s") +
         (seconds > 0 ? number(static_cast<double>(tokens) / seconds, " (%.3g tokens/s)") : "");
}

std::string size(const nlohmann::json& bytes) { return size_text(bytes.get<std::uint64_t>()); }

void say_tiers(const nlohmann::json& report, const app::Log& log) {
  std::string tiers;
  for (const auto& [name, tier] : report["tiers"].items())
    tiers += (tiers.empty() ? "" : ", ") + name + " " + size(tier["bytes"]);
  log.line(STRATA_INFO, "tiers: " + tiers);
  std::string peak;
  for (const auto* name : {"device", "host", "pinned"})
    if (report["peak"].contains(name))
      peak += (peak.empty() ? "" : ", ") + std::string(name) + " " +
              size(report["peak"][name]["bytes"]);
  log.line(STRATA_INFO, "peak: " + peak);
}

// The weights that were loaded, and those that each pass reads where they are. Reads may be larger
// than the weights in them, so a count above all bytes means that all were loaded.
void say_weights(const nlohmann::json& report, const app::Log& log) {
  const auto all = report["weights"]["bytes"].get<std::uint64_t>();
  const auto loaded = std::min(all, report["moved"]["load"]["counted"].get<std::uint64_t>());
  std::string words;
  if (loaded > 0)
    words = size_text(loaded) + " loaded in " + number(report["load_s"].get<double>(), "%.3g s");
  if (loaded < all)
    words += (words.empty() ? "" : ", ") + size_text(all - loaded) + " read in place";
  log.line(STRATA_INFO, "weights: " + words);
}

}  // namespace

void say_summary(const nlohmann::json& report, std::int64_t prompt_tokens, std::int64_t new_tokens,
                 const app::Log& log) {
  say_weights(report, log);
  log.line(STRATA_INFO, "prompt: " + rate(prompt_tokens, report["first_token_s"].get<double>()));
  log.line(STRATA_INFO, "new: " + std::to_string(new_tokens) + " tokens, after the first " +
                            number(report["decode_tokens_per_s"].get<double>(), "%.3g tokens/s") +
                            number(report["decode_s"].get<double>(), " in %.3g s"));
  say_tiers(report, log);
}

void say_loaded(const nlohmann::json& report, const app::Log& log) {
  say_weights(report, log);
  say_tiers(report, log);
}

std::string turn_text(std::int64_t prompt_tokens, std::size_t reused, std::int64_t new_tokens,
                      const run::GenerateResult& result) {
  return "prompt: " +
         rate(prompt_tokens - static_cast<std::int64_t>(reused), result.first_token_s) + ", and " +
         std::to_string(reused) + " reused; new: " + std::to_string(new_tokens) +
         " tokens, after the first " + rate(result.decoded, result.decode_s);
}

}  // namespace strata::host
