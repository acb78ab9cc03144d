// Which weights are quantized, and how: the user's options as rules over names.
#pragma once
#include <cstdint>
#include <strata/app.hpp>
#include <string>
#include <vector>

namespace strata::app {

class QuantRules {
 public:
  // Throws UsageError for options that contradict each other.
  explicit QuantRules(const QuantOptions& options);

  bool any() const;  // whether any weight may be quantized
  // The scheme_text of a weight by its name and role (STRATA_MATRIX, ...); empty: it stays as it
  // is. Throws UsageError naming both rules where two match.
  std::string scheme_of(const std::string& weight, std::uint32_t role);
  // Throws UsageError for a rule that matched none of the weights so far.
  void check_used() const;
  // All of it as one text, for digests.
  std::string text() const;
  // The texts of the schemes that weights may get.
  std::vector<std::string> schemes() const;

 private:
  struct Rule {
    std::string match, scheme;  // the scheme's text; empty: none
    bool used = false;
  };
  std::string fallback_;  // of matrices that no rule matches
  std::vector<Rule> rules_;
};

}  // namespace strata::app
