#include "app/quantize/rules.hpp"

#include <strata/abi/model.h>

#include <algorithm>

#include "app/quantize/scheme_text.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

std::string text_of(const QuantScheme& scheme, const char* who) {
  if (scheme.name == "none") return "";
  if (scheme.name.empty() || scheme.name.find_first_of(" {") != std::string::npos)
    throw UsageError(who, "'" + printable(scheme.name) + "' is no name of a quantization",
                     "give one that `strata plugins list` lists");
  return scheme_text(scheme);
}

}  // namespace

QuantRules::QuantRules(const QuantOptions& options)
    : fallback_(text_of(options.scheme, "--quant")) {
  const auto& own = options.scheme;
  if (own.name == "none" && (own.group_size || own.symmetric))
    throw UsageError(own.group_size ? "--quant-group-size" : "--quant-symmetric",
                     "there is no quantization that it is of", "add --quant NAME");
  if (own.group_size && *own.group_size < 1)
    throw UsageError("--quant-group-size", "a group has no elements", "give a number above 0");
  for (const auto& rule : options.rules) {
    if (rule.match.empty())
      throw UsageError("--quant-rule", "it matches every weight", "give --quant instead");
    const auto same = [&](const Rule& other) { return other.match == rule.match; };
    if (std::ranges::any_of(rules_, same))
      throw UsageError("--quant-rule", "'" + printable(rule.match) + "' is given twice",
                       "give it once");
    rules_.push_back({rule.match, text_of(rule.scheme, "--quant-rule")});
  }
}

bool QuantRules::any() const { return !schemes().empty(); }

std::string QuantRules::scheme_of(const std::string& weight, std::uint32_t role) {
  if (role == STRATA_VECTOR) return "";
  Rule* found = nullptr;
  for (auto& rule : rules_) {
    if (weight.find(rule.match) == std::string::npos) continue;
    rule.used = true;
    if (found)
      throw UsageError("--quant-rule",
                       "both '" + printable(found->match) + "' and '" + printable(rule.match) +
                           "' match '" + printable(weight) + "'",
                       "let each weight match one rule");
    found = &rule;
  }
  if (found) return found->scheme;
  return role == STRATA_MATRIX ? fallback_ : "";
}

void QuantRules::check_used() const {
  for (const auto& rule : rules_)
    if (!rule.used)
      throw UsageError("--quant-rule", "no matrix has '" + printable(rule.match) + "' in its name",
                       "give a part of a weight's name; a head that is tied has the embedding's");
}

std::string QuantRules::text() const {
  std::string out = fallback_;
  for (const auto& rule : rules_) out += "\n" + rule.match + "\n" + rule.scheme;
  return out;
}

std::vector<std::string> QuantRules::schemes() const {
  std::vector<std::string> out;
  if (!fallback_.empty()) out.push_back(fallback_);
  for (const auto& rule : rules_)
    if (!rule.scheme.empty() && std::ranges::find(out, rule.scheme) == out.end())
      out.push_back(rule.scheme);
  return out;
}

}  // namespace strata::app
