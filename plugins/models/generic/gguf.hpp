// The table [gguf] of a description: how files of GGUF are read as the described model. The build
// turns it into the manifest's mappings, from which the host reads them; a run does not need it.
#pragma once
#include "description.hpp"

namespace generic {

// Throws an error of the description if a mapping has an unknown key, or a value of another type.
void check_gguf(const Description& description, const toml::table& mappings);

}  // namespace generic
