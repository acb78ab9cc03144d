// One checkpoint of training: a folder of safetensors files, and state.json.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "app/finetune/saved_state.hpp"
#include "app/finetune/state_file.hpp"

namespace strata::app {

inline constexpr std::uint64_t longest_state = 64ull << 20;  // bytes of state.json
inline constexpr auto state_name = "state.json";

// Writes the folder `path`, which appears whole or not at all. Values change only before `begin`
// and after `end` of their unit, where these are given. Safe on any thread.
void write_checkpoint(const std::string& path, const RunState& run, const Json& common,
                      std::span<const StateFile> files, const UnitReads& reads = {});

// Reads state.json of the folder `path`.
SavedState read_state(const std::string& path);

// Reads the tensors of the folder `path` into `files`, of each unit what is here, whether the file
// of the whole unit is there or those of any number of parts. Throws Error naming the file that is
// gone, has other tensors or sizes, or whose bytes are not those that were written; then part of
// the values may be overwritten.
void read_checkpoint(const std::string& path, const SavedState& state,
                     std::span<const StateFile> files);

}  // namespace strata::app
