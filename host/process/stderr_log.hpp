// The program's log: lines on standard error.
#pragma once
#include <cstdint>

#include "app/log.hpp"

namespace strata::host {

// Warnings and errors are always shown, the rest where `verbose`. A line of a `rank` above 0 begins
// with it.
app::Log stderr_log(bool verbose, std::uint32_t rank = 0);

}  // namespace strata::host
