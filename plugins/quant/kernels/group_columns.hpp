// The order in which products take the elements of a row in groups.
//
// [Note: chunks] A group is cut into chunks of 32 elements, the last of which may have fewer and is
// then filled with zeros; a row is the chunks of its groups. Codes of four bits give a chunk's even
// elements, from the low halves of its bytes, and then the odd ones. Activations and tiles of
// weights lie in this order, which no number of lanes, tokens or threads changes.
//
// Sources for several processors include this: every function is inlined, so that none runs code
// for another one.
#pragma once
#include <cstdint>

#include "kernels/groups.hpp"

namespace strata::kernels {

inline constexpr int64_t chunk = 32;

struct GroupColumns {
  bool four_bits;
  int64_t columns, group, groups;
  int64_t chunks;  // of a group; the last one may have fewer

  [[gnu::always_inline]] GroupColumns(const GroupForm& form, int64_t count)
      : four_bits(form.code != Code::int8 && form.code != Code::e4m3), columns(count),
        group(form.group < count ? form.group : count), groups((count - 1) / group + 1),
        chunks((group - 1) / chunk + 1) {}

  [[gnu::always_inline]] int64_t chunk_bytes() const { return four_bits ? chunk / 2 : chunk; }
  // The bytes of so many elements.
  [[gnu::always_inline]] int64_t bytes(int64_t elements) const {
    return four_bits ? elements / 2 + elements % 2 : elements;
  }
  // The elements of a group.
  [[gnu::always_inline]] int64_t length(int64_t g) const {
    return g + 1 < groups ? group : columns - g * group;
  }
  // The chunks of a row.
  [[gnu::always_inline]] int64_t total() const {
    return (groups - 1) * chunks + (length(groups - 1) - 1) / chunk + 1;
  }
  // The element at a place of a chunk of a group.
  [[gnu::always_inline]] int64_t element(int64_t place) const {
    return four_bits ? place % 16 * 2 + place / 16 : place;
  }
};

}  // namespace strata::kernels
