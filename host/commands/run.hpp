// The program: what its arguments ask for, carried out.
#pragma once
#include "host/cli/command_line.hpp"

namespace strata::host {

// Prints to standard output; failures are thrown.
void run(const cli::Invocation& invocation);

}  // namespace strata::host
