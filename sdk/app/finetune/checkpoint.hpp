// One checkpoint of training: a folder of safetensors files, and state.json.
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

// Float32 values that a checkpoint holds; they are borrowed.
struct StateTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<float> values;  // as many as the shape has
};

struct StateFile {
  std::string name;  // a plain file name
  std::vector<StateTensor> tensors;
};

// The point that a run has reached, apart from its tensors.
struct RunState {
  std::uint64_t step = 0;     // finished steps
  std::uint64_t updates = 0;  // of them, those that changed the weights
  std::optional<optim::LossScaler::State> scaler;
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
// The digest that state.json has of its key "state".
std::string digest_of_state(const Json& state);

// Writes the folder `path`, which appears whole or not at all. `files` are not changed meanwhile.
void write_checkpoint(const std::string& path, const RunState& run, const Json& common,
                      std::span<const StateFile> files);

// Reads state.json of the folder `path`.
SavedState read_state(const std::string& path);

// Reads the tensors of the folder `path` into `files`. Throws Error naming the file that is gone,
// has other tensors or sizes, or whose bytes are not those that were written; then part of the
// values may be overwritten.
void read_checkpoint(const std::string& path, const SavedState& state,
                     std::span<const StateFile> files);

}  // namespace strata::app
