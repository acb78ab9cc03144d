// Text inside HTML and SVG.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace strata::training_log {

// The text as it may stand between tags and in quoted attributes: the characters of markup as
// entities, broken UTF-8 and control characters but tab and newline as U+FFFD. The result is also
// well-formed XML.
std::string escaped(std::string_view text);

// An attribute of an element; the value is escaped.
struct Attribute {
  std::string_view name;
  std::string value;
};

// The start of an element, and an element without content.
std::string opened(std::string_view name, std::initializer_list<Attribute> attributes);
std::string closed(std::string_view name, std::initializer_list<Attribute> attributes);
// An element whose content is this text, escaped.
std::string element(std::string_view name, std::initializer_list<Attribute> attributes,
                    std::string_view text);

// The color of the n-th curve or kind: the page's variables --c0 to --c7, and --c8 for all others.
std::string color_of(std::size_t n);
// A line with the names beside their colors.
std::string legend(const std::vector<std::string>& names);

}  // namespace strata::training_log
