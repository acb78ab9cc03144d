// Text prompts from the command line, from standard input, or from a file.
#pragma once
#include <string>
#include <vector>

#include "host/process/stderr_log.hpp"

namespace strata::host {

// The prompts of a file, one a line, or of standard input for "-". Blank lines are skipped, and a
// line in the log names them.
std::vector<std::string> prompt_lines(const std::string& path, const app::Log& log);

// `prompt` itself, or all of standard input for "-", without its last line break.
std::string prompt_text(const std::string& prompt);

// The file as one prompt, without its last line break.
std::string prompt_file_text(const std::string& path);

}  // namespace strata::host
