// The program's arguments, read.
#pragma once
#include <string>
#include <vector>

#include "host/cli/settings.hpp"

namespace strata::cli {

enum class Action { run, help, command_help, version, markdown, probe };

struct Invocation {
  Action action = Action::help;
  Command command{};  // of run and command_help
  Settings settings;
  std::vector<std::string> rest;  // of probe: what follows the word
};

// Reads the arguments after the program's name. The command line wins over --set, which wins over
// the file of --config, which wins over that of --ds-config. Throws UsageError.
Invocation parse_command_line(const std::vector<std::string>& arguments);

}  // namespace strata::cli
