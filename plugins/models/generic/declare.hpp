// Declares the weights of a described decoder.
#pragma once
#include <strata/model.hpp>

#include "settings.hpp"

namespace generic {

// Declares every unit in the order of the pass. A layer is two units, or one if its branches are
// parallel. With `placed` a unit of learned positions or of a norm lies between the embedding and
// the layers.
void declare_units(const Settings& settings, bool placed, strata::Declarer& to);

}  // namespace generic
