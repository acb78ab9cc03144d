// The line and the status of a failure that ends the program.
#pragma once
#include <exception>
#include <string>

#include "core/error.hpp"

namespace strata::host {

// One line without "error: ".
std::string error_words(const std::exception& failure);

Exit error_status(const std::exception& failure);

}  // namespace strata::host
