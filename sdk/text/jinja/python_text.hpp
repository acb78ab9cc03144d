// Text as Python's str sees it: characters are code points, and every value has a spelling.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/budget.hpp"

namespace strata::text::jinja {

bool is_space(char32_t c);
// The characters, each as its bytes.
std::vector<std::string_view> characters(std::string_view text);
std::size_t length(std::string_view text);
// Finds `part` in linear time; npos where it does not occur.
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from);

// The text without the characters of `set` at its ends; a null `set` means white space.
std::string_view strip_left(std::string_view text, const std::string* set = nullptr);
std::string_view strip_right(std::string_view text, const std::string* set = nullptr);

// Throw Refused for a character that becomes several.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalized(std::string_view text);
std::string titled(std::string_view text);  // str.title
bool is_upper(std::string_view text);
bool is_lower(std::string_view text);

std::vector<std::string_view> lines(std::string_view text);  // str.splitlines

// Append str(value) and repr(value) to `out`. Throw Refused for a value that Python spells by its
// address.
void append_str(Budget& budget, std::string& out, const Value& value);
void append_repr(Budget& budget, std::string& out, const Value& value);
std::string str(Budget& budget, const Value& value);
std::string float_repr(double number);

}  // namespace strata::text::jinja
