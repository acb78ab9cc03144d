// strata(1), from the tables of options.
#pragma once
#include <string>

namespace strata::cli {

// The page as roff with the macros of man(7).
std::string man_page();

}  // namespace strata::cli
