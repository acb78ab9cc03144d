// The budget of a rendering. Steps, bytes and elements draw on one sum, so that a template that
// never ends, or that makes endless text, is refused in less than a second.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "text/jinja/value.hpp"

namespace strata::text::jinja {

class Budget {
 public:
  static constexpr std::uint64_t step = 32, element = 64;  // a byte of text costs 1

  void spend(std::uint64_t cost) {
    if (cost > left_) throw Refused("it makes too much text or takes too many steps");
    left_ -= cost;
  }
  void append(std::string& out, std::string_view text) {
    spend(text.size());
    out += text;
  }
  // Spends the cost of a walk through the value, without the content of its elements.
  void walk(const Value& value);

 private:
  std::uint64_t left_ = 1 << 26;
};

}  // namespace strata::text::jinja
