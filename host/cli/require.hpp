// Checks for required options and for options that exclude each other.
#pragma once
#include <initializer_list>
#include <utility>

namespace strata::cli {

// Throws a UsageError that begins with `option` if the option is not given.
void require(bool given, const char* option, const char* remedy);

// Throws a UsageError if none of the options is given, or more than one.
void require_one(std::initializer_list<std::pair<const char*, bool>> options);

}  // namespace strata::cli
