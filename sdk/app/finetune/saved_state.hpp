// The file state.json of a checkpoint of training, as a value and as text.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/optim/loss_scaler.hpp"

namespace strata::app {

// The point that a run has reached, apart from its tensors.
struct RunState {
  std::uint64_t step = 0;     // finished steps
  std::uint64_t updates = 0;  // of them, those that changed the weights
  std::optional<optim::LossScaler::State> scaler;
  bool unvalidated = false;  // the validation that is due behind the step is not made, or not whole
};

// The contents of state.json.
struct SavedState {
  struct File {
    std::string name, sha256;
    std::uint64_t bytes = 0;
  };
  RunState run;
  Json common;  // an object: what a run that continues must have in common with this one
  std::vector<File> files;
};

// Parses state.json of any origin. Throws Error naming `path` for everything that write_checkpoint
// would not have written.
SavedState parse_state(std::string_view text, std::string_view path);
std::string state_text(const SavedState& state);
// The same for the list of the files that one of several ranks wrote, which exists until all have
// written theirs.
std::vector<SavedState::File> parse_files(std::string_view text, std::string_view path);
std::string files_text(std::span<const SavedState::File> files);
// The digest that state.json has of its key "state", and the list of its key "files".
std::string digest_of_state(const Json& state);

}  // namespace strata::app
