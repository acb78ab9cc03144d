// The values of one unit in memory become a safetensors file of a checkpoint: one of the whole
// unit, or one for each rank's part of it.
#pragma once
#include <strata/abi/core.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/finetune/saved_state.hpp"

namespace strata::app {

// A range of a tensor's elements, which are counted in its row-major order.
struct Elements {
  std::uint64_t first = 0, count = 0;
};

// Values that a checkpoint holds; they are borrowed.
struct StateTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  strata_dtype dtype{STRATA_FLOAT, 32, 1};
  std::span<std::byte> values{};  // as many as the shape has, or as `here`
  // Without `values`: read and write some of these bytes, from `at` on. They may throw.
  std::function<void(std::uint64_t at, std::span<std::byte> out)> read{};
  std::function<void(std::uint64_t at, std::span<const std::byte> bytes)> write{};
  // If the ranks have cut the unit, this rank has these elements alone, maybe none.
  std::optional<Elements> here{};
};

// This tells which rank's part of a unit it is.
struct PartNumber {
  std::uint32_t rank = 0, ranks = 1;
};

struct StateFile {
  std::string name;  // a plain file name: that of the file of the whole unit
  std::vector<StateTensor> tensors;
  std::uint32_t unit = 0;            // that the values are of
  std::optional<PartNumber> part{};  // the ranks have cut the unit
};

// The moments in which the values of a unit are read, in the order of the files. Either may be
// empty.
struct UnitReads {
  std::function<void(std::uint32_t unit)> begin{};  // returns when they may be read
  std::function<void(std::uint32_t unit)> end{};    // they are read, and may change from now on
};

// Returns the elements that are here: all of them, unless the unit is cut.
Elements here_of(const StateTensor& tensor);
// Throws unless the values of each tensor are as many as are here.
void need_values(const StateFile& file);
// Returns whether this rank has an element of the file's tensors.
bool has_values(const StateFile& file);

// Returns the name of a part's file: "unit-3.part-1-of-2.safetensors" for the first rank's part of
// "unit-3.safetensors".
std::string part_name(const std::string& whole, const PartNumber& part);
// Returns the name of the whole unit's file if `name` is a part's, else an empty one.
std::string whole_name(const std::string& name);
// Returns the name that a tensor's part has in its file, but for the number of its first element:
// "weight/a [2,3] from ".
std::string part_prefix(const StateTensor& tensor);

// Returns the first bytes of the whole unit's file, which its tensors' values follow without gaps.
std::string whole_header(const StateFile& file);

// Writes and syncs the files, each at `path_of` of its name; returns their names, sizes and
// digests. Any thread may call it.
std::vector<SavedState::File> write_files(
    const std::function<std::string(std::string_view name)>& path_of,
    std::span<const StateFile> files, const UnitReads& reads);

}  // namespace strata::app
