// The program's log: lines on standard error.
#pragma once
#include "app/log.hpp"

namespace strata::host {

// Warnings and errors are always shown, the rest where `verbose`.
app::Log stderr_log(bool verbose);

}  // namespace strata::host
