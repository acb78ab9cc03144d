// The attributes of a named op, from its JSON.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace strata::torch {

struct Attributes {
  double scale = 1;
  bool causal = false;
  int64_t window = 0;  // 0: sees all tokens
  double dropout = 0;
};

// A cache of attributes, each text read once: plugins give the same few again and again.
class AttributeCache {
 public:
  // The result is valid until the next call. Refuses text that is no JSON object, and an unknown
  // key by name.
  const Attributes& of(std::string_view json);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  std::unordered_map<std::string, Attributes, Hash, std::equal_to<>> read_;
};

}  // namespace strata::torch
