// Carries out the invocation that the program's arguments ask for.
#pragma once
#include "host/cli/command_line.hpp"

namespace strata::host {

// Prints to standard output; failures are thrown.
void run(const cli::Invocation& invocation);

}  // namespace strata::host
