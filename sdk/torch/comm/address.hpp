// This machine's address on the way to another machine.
#pragma once
#include <string>

namespace strata::torch {

// The numeric address of the interface that leads to `host`; "" where there is none. Sends nothing.
std::string address_towards(const std::string& host);

}  // namespace strata::torch
