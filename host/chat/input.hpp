// A line of the user is a message or a command.
#pragma once
#include <string>
#include <string_view>

namespace strata::chat {

enum class Verb { message, help, reset, system, save, load, regenerate, quit, unknown };

struct Input {
  Verb verb = Verb::message;
  std::string text;  // the message, what follows the command, or the unknown command
};

// A line that begins with '/' is a command; "//" begins a message that begins with '/'.
Input parse_input(std::string_view line);

// The commands with their meaning, a line each.
std::string input_help();

}  // namespace strata::chat
