// One step of a normalizer, which changes a text before it is cut into words.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "text/pieces.hpp"
#include "text/regex.hpp"

namespace strata::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(NormalText& text, RegexRoom& room) const = 0;
};
using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

// The text after all steps. Throws std::runtime_error with the fact where it becomes far too long.
inline NormalText normalized(const Normalizers& steps, NormalText text, RegexRoom& room) {
  for (const auto& step : steps) {
    step->apply(text, room);
    room.check_size(text.text.size());
  }
  return text;
}

}  // namespace strata::text
