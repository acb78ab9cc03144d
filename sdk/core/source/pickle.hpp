// Python's pickle format as far as torch.save needs it for tensors. Nothing in it is executed: a
// fixed set of opcodes and of global names builds plain values; anything else is refused by name
// (https://docs.python.org/3/library/pickletools.html).
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::source {

enum class PickleKind : std::uint8_t {
  none,
  flag,
  integer,
  real,
  text,
  tuple,
  list,
  dict,
  global,
  storage,
  tensor
};

struct PickleValue {
  PickleKind kind = PickleKind::none;
  strata_dtype dtype{};  // of a storage
  // A flag or an integer; a storage's number of elements; a tensor's offset, in elements.
  std::int64_t number = 0;
  std::string_view text{};  // text; an integer past 64 bits: its bytes; a storage's key
  // The items of a tuple or list; a dict's keys and values alternately; a tensor's storage, offset,
  // shape and strides.
  std::vector<std::uint32_t> items{};
};

// A pickle's values, which refer to each other by index: values may be shared, and cycles are
// harmless.
struct Pickle {
  std::vector<PickleValue> values;
  std::uint32_t root = 0;
  std::size_t bytes = 0;  // of the pickle, its end included

  const PickleValue& at(std::uint32_t value) const { return values[value]; }
  // The dict's value under a text, or null.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

// Parses the pickle at the beginning of `bytes`; its texts point into them. Throws Error naming
// path, byte and opcode or global.
Pickle parse_pickle(std::string_view bytes, std::string_view path);

}  // namespace strata::source
