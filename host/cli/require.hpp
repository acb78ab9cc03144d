// Options that a command cannot do without, and options that exclude each other.
#pragma once
#include <initializer_list>
#include <utility>

namespace strata::cli {

// Throws a UsageError that begins with `option` where it is not given.
void require(bool given, const char* option, const char* remedy);

// The same where none of the options is given, or more than one.
void require_one(std::initializer_list<std::pair<const char*, bool>> options);

}  // namespace strata::cli
