// The option that names the file or the folder that a command writes.
#pragma once
#include <string>

#include "host/cli/option.hpp"

namespace strata::host {

inline void add_output(cli::Table& table, std::string& output) {
  table.push_back({"output", "run.output", &output, "PATH",
                   "path to write: a .safetensors file for logits, a folder for import, quantize "
                   "and finetune"});
}

}  // namespace strata::host
