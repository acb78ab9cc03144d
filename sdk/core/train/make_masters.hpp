// Master weights whose elements no file has: they were drawn, or their tensor has other rows.
#pragma once
#include <cstdint>
#include <vector>

#include "core/run/loader.hpp"
#include "core/source/checkpoint.hpp"

namespace strata::train {

// The unit with only those of its weights that are made, or only with the others. All keep their
// places in both forms.
zero::Unit made_part(const zero::Unit& unit, const source::Checkpoint& checkpoint);
zero::Unit filed_part(const zero::Unit& unit, const source::Checkpoint& checkpoint);

// Fills targets of made_part() in host memory, or that give and take. `load` has the arena's
// scratch, and `compute` for the units that expand; its second event has occurred `occurred` times.
void make_masters(const std::vector<run::Target>& targets, const source::Checkpoint& checkpoint,
                  const run::LoadParts& load, uint64_t occurred, const run::Progress& progress);

}  // namespace strata::train
