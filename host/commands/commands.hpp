// What each command does. They print their result; what goes wrong is thrown.
#pragma once
#include "host/cli/command_line.hpp"
#include "host/cli/settings.hpp"
#include "host/registry/registry.hpp"

namespace strata::host {

// Carries out what the arguments ask for; the program's exit status.
int run(const cli::Invocation& invocation);

// The plugins that these settings can use.
registry::Registry open_registry(const cli::Settings& settings);

void list_plugins(const cli::Settings& settings);
// 0 where every check passed, else 1.
int check_plugin(const cli::Settings& settings);

}  // namespace strata::host
