// Reads the parts of settings, each for one layer. All throw strata::Failure with the place in the
// description.
#pragma once
#include "settings.hpp"

namespace generic {

Branch read_branch(const Reader& r, const std::string& section);
// A whole number; off reads as 0.
std::int64_t read_count(const Reader& r, std::string_view key, double fallback);
double read_rate(const Reader& r, std::string_view key);  // of dropout: 0 to below 1; default 0
Rotary read_rotary(const Reader& r, std::int64_t head);   // for heads of this width
AttentionBranch read_attention(const Reader& r, const Settings& all);
MlpBranch read_mlp_branch(const Reader& r, bool in_out);

}  // namespace generic
