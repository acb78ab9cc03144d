// The tables of options in the forms that people and Program_options read.
#pragma once
#include <boost/program_options/options_description.hpp>
#include <string>

#include "host/cli/command.hpp"

namespace strata::cli {

// The options of a call of the command, with which it lives.
boost::program_options::options_description describe(const Command& command, const Table& table);

std::string help();
std::string help(const Command& command);
// docs/configuration.md.
std::string markdown();

}  // namespace strata::cli
