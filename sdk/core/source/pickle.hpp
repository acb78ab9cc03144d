// Python's pickle format as far as torch.save needs it for tensors. Nothing of it is executed: a
// fixed set of opcodes and of global names builds plain values, anything else is refused by name
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
  // Flag, integer; a storage's elements; where a tensor begins, in elements.
  std::int64_t number = 0;
  std::string_view text{};  // text; an integer past 64 bits: its bytes; a storage's key
  // Of tuple and list; of a dict: keys and values by turns; of a tensor: storage, offset, shape,
  // strides.
  std::vector<std::uint32_t> items{};
};

// A pickle's values, which name each other by their places: values may be shared, and a cycle is
// no trouble.
struct Pickle {
  std::vector<PickleValue> values;
  std::uint32_t root = 0;
  std::size_t bytes = 0;  // of the pickle, its end included

  const PickleValue& at(std::uint32_t value) const { return values[value]; }
  // What the dict holds under a text, or null.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

// The pickle that `bytes` begins with; its texts are parts of them. Throws Error naming path, byte
// and opcode or global.
Pickle parse_pickle(std::string_view bytes, std::string_view path);

}  // namespace strata::source
