// The options of DeepSpeedExamples' finetune_zero3.py, as its scripts write them.
#pragma once
#include <string>
#include <vector>

namespace strata::host {

// Replaces its spellings by the command's own, which mean the same; any option may be written with
// underscores. Adds lines for the user to `notes`. Throws UsageError for what is refused: wandb,
// names of data sets on a hub, code and weights of other frameworks.
std::vector<std::string> respell_finetune(std::vector<std::string> arguments,
                                          std::vector<std::string>& notes);

}  // namespace strata::host
