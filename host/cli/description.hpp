// The tables of options in the forms that people and Program_options read.
#pragma once
#include <boost/program_options/options_description.hpp>
#include <span>
#include <string>
#include <string_view>

#include "host/cli/command.hpp"

namespace strata::cli {

// The options of a call of the command, with which it lives.
boost::program_options::options_description describe(const Command& command, const Table& table);

// A variable of the environment that the program reads.
struct Variable {
  std::string_view name, help;
};
std::span<const Variable> variables();

std::string help();
std::string help(const Command& command);
// docs/configuration.md.
std::string markdown();

}  // namespace strata::cli
