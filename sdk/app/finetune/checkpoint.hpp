// One checkpoint of training: a folder of safetensors files, and state.json.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/finetune/saved_state.hpp"

namespace strata::app {

// Values that a checkpoint holds; they are borrowed.
struct StateTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  strata_dtype dtype{STRATA_FLOAT, 32, 1};
  std::span<std::byte> values{};  // as many as the shape has
  // Without `values`: read and write some of its bytes, from `at` on. They may throw.
  std::function<void(std::uint64_t at, std::span<std::byte> out)> read{};
  std::function<void(std::uint64_t at, std::span<const std::byte> bytes)> write{};
};

struct StateFile {
  std::string name;  // a plain file name
  std::vector<StateTensor> tensors;
  std::uint32_t unit = 0;  // that the values are of
};

// The moments in which the values of a unit are read, in the order of the files. Either may be
// empty.
struct UnitReads {
  std::function<void(std::uint32_t unit)> begin{};  // returns when they may be read
  std::function<void(std::uint32_t unit)> end{};    // they are read, and may change from now on
};

// Writes the folder `path`, which appears whole or not at all. Values change only before `begin`
// and after `end` of their unit, where these are given. Safe on any thread.
void write_checkpoint(const std::string& path, const RunState& run, const Json& common,
                      std::span<const StateFile> files, const UnitReads& reads = {});

// Reads state.json of the folder `path`.
SavedState read_state(const std::string& path);

// Reads the tensors of the folder `path` into `files`. Throws Error naming the file that is gone,
// has other tensors or sizes, or whose bytes are not those that were written; then part of the
// values may be overwritten.
void read_checkpoint(const std::string& path, const SavedState& state,
                     std::span<const StateFile> files);

}  // namespace strata::app
