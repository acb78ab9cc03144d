// Which weights a described decoder has.
#pragma once
#include <strata/model.hpp>

#include "settings.hpp"

namespace generic {

// Every unit in the order of the pass. A layer is two units, or one where its branches are
// parallel; `placed`: one of learned positions or a norm lies between the embedding and the layers.
void declare_units(const Settings& settings, bool placed, strata::Declarer& to);

}  // namespace generic
