// A family's declarations, copied and checked against the ABI's rules.
#pragma once
#include <strata/abi/model.h>

#include <string>
#include <vector>

#include "core/plugin/family.hpp"

namespace strata::plugin {

// Calls declare once. Error: the plugin's words, or the rule that a unit or a weight breaks:
//   names      not empty, once in a unit; a weight of two units has one shape
//   shapes     1 to 8 positive lengths whose product, with the experts, fits 63 bits
//   groups     neighbors, once in a unit, of one rank, one last dimension if matrices, and alike
//              in experts and in the order that the file holds them in
//   units      the first is the embedding, the last the head, none between is either
std::vector<DeclaredUnit> declared_units(const strata_model& table, strata_self* self,
                                         const std::string& who);

// Calls pass_over, where the table has it. Error: the plugin's words; a word that is empty or
// longer than a name; more of them than units.
std::vector<std::string> passed_over(const strata_model& table, strata_self* self,
                                     const std::string& who);

}  // namespace strata::plugin
