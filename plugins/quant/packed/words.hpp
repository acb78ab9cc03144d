// The words of a scheme, "KEY WORD NUMBER ...", one after the other.
#pragma once
#include <charconv>
#include <strata/plugin.hpp>
#include <string>
#include <string_view>

#include "kernels/words.hpp"
#include "packed/numbers.hpp"

namespace packed {

class Words {
 public:
  explicit Words(std::string_view scheme) : scheme_(scheme), rest_(scheme) {}

  std::string_view rest() const { return rest_; }
  std::string_view word() { return strata::kernels::take_word(rest_); }
  int64_t integer(int64_t least, int64_t most) {
    const auto from = word();
    int64_t out = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), out);
    if (error != std::errc() || end != from.data() + from.size() || out < least || out > most)
      refuse();
    return out;
  }
  Number number() {
    const auto found = number_of_word(word());
    if (!found) refuse();
    return *found;
  }
  void end() const {
    if (!rest_.empty()) refuse();
  }
  [[noreturn]] void refuse() const {
    throw strata::Failure(STRATA_INVALID, std::string(scheme_.substr(0, 100)) +
                                              ": no scheme of this codec: take the schemes "
                                              "that it recognizes in a checkpoint");
  }

 private:
  std::string_view scheme_, rest_;
};

}  // namespace packed
