#include "text/pattern_class.hpp"

#include <vector>

namespace strata::text {
namespace {

constexpr std::size_t deepest = 32;

// A set of characters: the content of one class, and patterns of one character beside it.
struct Union {
  std::string items;
  std::vector<std::string> others;
};

std::string negated(const std::string& pattern) {
  return "(?:(?!" + pattern + R"()[\x{0}-\x{10ffff}]))";
}

std::string pattern_of(const Union& all) {
  if (all.others.empty()) return "[" + all.items + "]";
  auto out = all.items.empty() ? "(?:" : "(?:[" + all.items + "]";
  for (const auto& other : all.others) out += (out.size() > 3 ? "|" : "") + other;
  return out + ")";
}

class ClassReader {
 public:
  ClassReader(PatternCursor& at, bool caseless) : at_(at), caseless_(caseless) {}

  // Reads from '[' to ']' and adds the class to `to`.
  void read(std::size_t depth, Union& to) {
    if (depth == deepest) at_.refuse("a class too deep");
    if (caseless_ && depth > 0) at_.refuse("a class in a class without case");
    at_.skip(1);
    const bool negates = at_.ahead("^");
    if (negates) at_.skip(1);
    if (at_.ahead("]")) at_.refuse("']' as the first of a class");
    std::vector<Union> operands(1);
    while (!at_.ahead("]")) {
      if (at_.at_end()) at_.refuse("a class without its ']'");
      if (at_.ahead("[:")) at_.refuse("'[:'");
      if (at_.ahead("&&")) {
        if (caseless_) at_.refuse("'&&' without case");
        at_.skip(2);
        operands.emplace_back();
      } else if (at_.ahead("[")) {
        read(depth + 1, operands.back());
      } else {
        operands.back().items += item();
      }
    }
    at_.skip(1);
    for (const auto& operand : operands)
      if (operand.items.empty() && operand.others.empty()) at_.refuse("an empty class");
    add(operands, negates, to);
  }

 private:
  static void add(const std::vector<Union>& operands, bool negates, Union& to) {
    if (operands.size() == 1 && operands[0].others.empty()) {
      if (negates)
        to.others.push_back("[^" + operands[0].items + "]");
      else
        to.items += operands[0].items;
      return;
    }
    if (operands.size() == 1 && !negates) {
      to.items += operands[0].items;
      to.others.insert(to.others.end(), operands[0].others.begin(), operands[0].others.end());
      return;
    }
    std::string all = "(?:";
    for (std::size_t i = 1; i < operands.size(); ++i) all += "(?=" + pattern_of(operands[i]) + ")";
    all += pattern_of(operands[0]) + ")";
    to.others.push_back(negates ? negated(all) : all);
  }

  std::string item() {
    const auto first = at_.next();
    const bool range = at_.ahead("-") && !at_.ahead("-]") && !at_.ahead("-[") && !at_.ahead("-&&");
    if (!first.one) {
      if (caseless_) at_.refuse("a set without case");
      if (range) at_.refuse("a set as a range's end");
      return first.set;
    }
    if (caseless_ && *first.one >= 0x80) at_.refuse("a character outside ASCII without case");
    if (!range) return pcre2_literal(*first.one);
    if (caseless_) at_.refuse("a range without case");
    at_.skip(1);
    if (at_.at_end()) at_.refuse("a class without its ']'");
    const auto last = at_.next();
    if (!last.one || *last.one < *first.one) at_.refuse("a wrong range");
    return pcre2_literal(*first.one) + "-" + pcre2_literal(*last.one);
  }

  PatternCursor& at_;
  bool caseless_;
};

}  // namespace

std::string pcre2_class(PatternCursor& at, bool caseless) {
  Union all;
  ClassReader(at, caseless).read(0, all);
  if (all.items.empty() && all.others.size() == 1) return all.others[0];
  return pattern_of(all);
}

}  // namespace strata::text
