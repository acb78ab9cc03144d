// A group over c10d: its TCPStore for meeting and heartbeats, Gloo for messages.
#pragma once
#include <functional>
#include <memory>

#include "torch/comm/joined.hpp"

namespace strata::torch {

// Makes the connection of the group's data, which `joined` outlives.
using OpenData = std::function<std::unique_ptr<device::Collective>(const Joined& joined)>;

std::unique_ptr<run::Group> open_group(const run::GroupOptions& options, const OpenData& open_data);

}  // namespace strata::torch
