// The tables of options in the forms that people and Program_options read.
#pragma once
#include <boost/program_options/options_description.hpp>
#include <span>
#include <string>
#include <string_view>

#include "host/cli/command.hpp"

namespace strata::cli {

// The options of a call of the command, for help; with `later` also those that no help shows. The
// result is valid as long as the call.
boost::program_options::options_description describe(const Command& command, const Table& table,
                                                     bool later = false);

// An environment variable that the program reads.
struct Variable {
  std::string_view name, help;
};
std::span<const Variable> variables();

std::string help();
std::string help(const Command& command);
// docs/configuration.md.
std::string markdown();

}  // namespace strata::cli
