// The short forms in which Slurm's variables list hosts and counts.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::run {

// The first host of a list such as "node[07-10,12],login": "node07".
std::string first_host(std::string_view list);

// The tasks on the node of this number in a list such as "4(x2),3"; 0: the list has no such node.
uint32_t tasks_on(std::string_view list, uint32_t node);

}  // namespace strata::run
