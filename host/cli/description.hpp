// The options table in the forms that people and Program_options read.
#pragma once
#include <boost/program_options/options_description.hpp>
#include <string>

#include "host/cli/settings.hpp"

namespace strata::cli {

// What a command takes.
boost::program_options::options_description describe(Command command);

std::string help();
std::string help(Command command);
// docs/configuration.md.
std::string markdown();

}  // namespace strata::cli
