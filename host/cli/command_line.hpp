// Reads the program's arguments.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "host/cli/command.hpp"

namespace strata::cli {

enum class Action { run, help, command_help, version, markdown, man, probe };

struct Invocation {
  Action action = Action::help;
  const Command* command = nullptr;      // of run and command_help
  std::unique_ptr<Call> call{};          // of run
  std::vector<std::string> rest{};       // of probe: the arguments after the word
  std::vector<std::string> arguments{};  // all of them, as they were given
};

// Reads the arguments after the program's name. The command line wins over --set, which wins over
// the file of --config, which wins over that of --ds-config. Throws UsageError.
Invocation parse_command_line(const std::vector<std::string>& arguments);
// The same for the arguments after the command's words.
Invocation parse_arguments(const Command& command, std::vector<std::string> arguments);

}  // namespace strata::cli
