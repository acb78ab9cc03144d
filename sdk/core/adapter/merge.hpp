// Adds an adapter to a model's weights while an import writes them.
#pragma once
#include <memory>
#include <span>

#include "core/adapter/adapter.hpp"
#include "core/source/import.hpp"
#include "core/source/source_map.hpp"

namespace strata::adapter {

// The model that an adapter is merged into.
struct Base {
  const source::Checkpoint& checkpoint;
  const source::SourceMap& tensors;
  std::span<const shape::DeclaredUnit> units;
  bool tied = false;
};

// Makes the import add scale * B A in float32 to each of the adapter's weights, in whichever form
// the checkpoint has it, and put the weights that the adapter holds whole in place of the model's.
// Throws Error where one has no tensor in the checkpoint, where a resized table is not the model's,
// and where the sum would change another weight too, as that of a tied table does.
void merge(std::shared_ptr<const Adapter> adapter, const Base& base,
           source::ImportOptions& options);

}  // namespace strata::adapter
