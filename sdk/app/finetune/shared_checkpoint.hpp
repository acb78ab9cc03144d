// Several ranks write one checkpoint beside each other, in a folder that all of them see: rank 0
// makes it and lets it appear, and each rank writes files of its own.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "app/finetune/checkpoint.hpp"
#include "core/source/output.hpp"

namespace strata::app {

// This is rank 0's side. Its destructor removes all that was written, unless the folder has
// appeared.
class SharedCheckpoint {
 public:
  // Makes the folder in which the parts of `path` are written.
  SharedCheckpoint(const std::string& path, std::uint32_t ranks);

  // Returns the plain name of that folder, which lies beside `path`.
  const std::string& name() const { return name_; }
  // Writes state.json from what all ranks have left, and lets the folder appear. It is called once,
  // when write_part has returned on all ranks. Throws Error naming a file that is not here as a
  // rank wrote it; then nothing appears.
  void commit(const RunState& run, const Json& common);

 private:
  source::OutputFolder folder_;
  std::uint32_t ranks_;
  std::string name_;
};

// Throws Error unless this rank sees the folder that rank 0 made.
void need_shared(const std::string& folder);

// Writes and syncs this rank's files in the folder: its parts of the units that are cut, with the
// list of them; rank 0 writes the whole units too, which all ranks have. On the other ranks these
// are at their `end` at once. Any thread may call it.
void write_part(const std::string& folder, const PartNumber& rank, std::span<const StateFile> files,
                const UnitReads& reads = {});

}  // namespace strata::app
