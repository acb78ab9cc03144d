#include "host/cli/later.hpp"

#include <array>

namespace strata::cli {
namespace {

constexpr std::array table{
    Later{"--kv-offload", "leave it out: keys and values stay on the device"},
    Later{"--ranks", "leave it out: this command runs as one process"},
    Later{"doctor", "leave it out: plans use assumed rates"},
};

}  // namespace

std::span<const Later> later() { return table; }

}  // namespace strata::cli
